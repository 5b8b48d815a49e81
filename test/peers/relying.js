// A relying party for tests, made of the npm package "openid-client": code that shares nothing with ours.
// It is told what to do by lines of JSON on stdin, and writes one line of JSON to stdout for each thing it did.
//
//   node relying.js '{"issuer": …, "client": …, "secret": …, "key": JWK, "dpop": true, "par": true, "redirect": …, "after": …, "mode": "query"}'
//
// {"do": "begin", "params": {…}}    → {"url": …}               where the browser goes
// {"do": "finish", "back": …}       → {"claims", "userinfo", "token_type", "scope"}     back: where it came back to
// {"do": "finish", "form": {…}}       the same of a form that the browser would post
// {"do": "refresh"}                 → {"claims"}
// {"do": "refresh", "again": true}  the refresh token before the last one: a thief's, or ours
// {"do": "introspect"}              → {"active": …}
// {"do": "userinfo"}, {"do": "revoke"}, {"do": "end"} → {"url": …}
// What fails gives {"error": code or name, "text": …}.
'use strict';
const readline = require('readline');
const asked = JSON.parse(process.argv[2]);
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');

async function main() {
  const oidc = await import('openid-client');
  let auth;
  if (asked.key) {
    const kinds = { ES256: { name: 'ECDSA', namedCurve: 'P-256' }, PS256: { name: 'RSA-PSS', hash: 'SHA-256' } };
    const key = await crypto.subtle.importKey('jwk', asked.key, kinds[asked.key.alg], false, ['sign']);
    auth = oidc.PrivateKeyJwt({ key, kid: asked.key.kid });
  } else {
    auth = oidc.ClientSecretBasic(asked.secret);
  }
  const metadata = { id_token_signed_response_alg: asked.alg || 'RS256' };
  const config = await oidc.discovery(new URL(asked.issuer), asked.client, metadata, auth, { execute: [oidc.allowInsecureRequests] });
  const proof = asked.dpop ? { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256')) } : undefined;
  let verifier, state, nonce, tokens, before;

  const acts = {
    async begin({ params }) {
      verifier = oidc.randomPKCECodeVerifier();
      state = oidc.randomState();
      nonce = oidc.randomNonce();
      const all = {
        redirect_uri: asked.redirect, scope: 'openid profile email recovery', state, nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...params,
      };
      const url = asked.par ? await oidc.buildAuthorizationUrlWithPAR(config, all, proof) : oidc.buildAuthorizationUrl(config, all);
      return { url: url.href };
    },
    async finish({ back, form }) {
      let at = new URL(back || asked.redirect);
      if (form) {
        at = new Request(at, { method: 'POST', body: new URLSearchParams(form), headers: { 'content-type': 'application/x-www-form-urlencoded' } });
      }
      tokens = await oidc.authorizationCodeGrant(config, at, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, proof);
      const claims = tokens.claims();
      const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub, proof);
      return { claims, userinfo, token_type: tokens.token_type, scope: tokens.scope };
    },
    async refresh({ again }) {
      const token = again ? before : tokens.refresh_token;
      const fresh = await oidc.refreshTokenGrant(config, token, undefined, proof);
      before = token;
      tokens = { ...fresh, id_token: fresh.id_token };
      return { claims: fresh.claims() };
    },
    introspect: async () => oidc.tokenIntrospection(config, tokens.access_token),
    userinfo: async ({ subject }) => oidc.fetchUserInfo(config, tokens.access_token, subject || oidc.skipSubjectCheck, proof),
    async revoke() { await oidc.tokenRevocation(config, tokens.refresh_token); return {}; },
    end: async () => ({ url: oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: asked.after, id_token_hint: tokens.id_token, state: 'bye' }).href }),
  };

  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      say(await acts[order.do](order));
    } catch (e) {
      say({ error: e.error || e.code || e.name, text: `${e.message} ${e.cause ? JSON.stringify(e.cause) : ''}` });
    }
  }
}

main().catch((e) => { say({ error: e.code || e.name, text: `${e.message} ${e.cause ? JSON.stringify(e.cause) : ''}` }); process.exit(1); });
