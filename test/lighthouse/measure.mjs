// Measures one page with Lighthouse and prints its scores as JSON: node measure.mjs ADDRESS CHROMIUM [COOKIE]
// The first line of standard error says what is below the full score, for whoever has to mend it.
import lighthouse from "lighthouse";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [address, chromium, cookie] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "doverie-lighthouse-"));

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

const port = await freePort();
const browser = spawn(chromium, ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-component-update",
  "--disable-background-networking", `--remote-debugging-port=${port}`, `--user-data-dir=${profile}`, "about:blank"], { stdio: "ignore" });
try {
  for (let n = 0; ; n++) {
    try { await fetch(`http://127.0.0.1:${port}/json/version`); break; } catch (e) { if (n > 300) throw e; await new Promise((r) => setTimeout(r, 100)); }
  }
  // As Lighthouse does by itself: a slow line and a slow phone are simulated from what was seen.
  const { lhr } = await lighthouse(address, {
    port, output: "json", logLevel: "error", onlyCategories: ["performance", "accessibility", "best-practices", "seo"],
    extraHeaders: cookie ? { Cookie: cookie } : undefined,
  });
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  const scores = Object.fromEntries(Object.values(lhr.categories).map((c) => [c.id, Math.round(c.score * 100)]));
  const below = Object.values(lhr.audits).filter((a) => a.score !== null && a.score < 0.9 && a.scoreDisplayMode !== "informative").map((a) => `${a.id} ${a.displayValue ?? ""}`);
  console.error(below.join("; "));
  console.log(JSON.stringify(scores));
} finally {
  browser.kill("SIGKILL");
  await new Promise((r) => browser.once("exit", r));
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
}
