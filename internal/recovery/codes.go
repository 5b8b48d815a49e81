package recovery

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/secret"
)

// here is one network area's share of the first codes of an account, those sent again included: else one recovery, and its code
// again and again, would use up the day of everybody (T21). asker is the keyed hash of whose it is and of the area.
func (s *Service) here(asker []byte, known bool) effect.Share {
	if len(asker) == 0 {
		return effect.Share{}
	}
	return effect.Share{
		Name: "recovery_here", Subject: hex.EncodeToString(asker), Most: s.Policy.RecoveryCodesHere, Per: 24 * time.Hour, CountOnly: known,
	}
}

const sealAsker = "recovery asker"

// browserOf makes the secret of the applicant's cookie. It carries, sealed and of one length, by whose share its codes are counted:
// of a decoy nothing else knows that when the code is sent again, and what is counted must cost the same for everybody (I6).
// The recovery is found by the hash of all of it, so that no part can be exchanged.
func (s *Service) browserOf(asker []byte) string {
	token := secret.Token()
	return token + "." + base64.RawURLEncoding.EncodeToString(s.Keys.Seal(sealAsker, []byte(token), asker))
}

// askerOf reads it; nil for a cookie of a program that did not write it yet.
func (s *Service) askerOf(browser string) []byte {
	token, text, _ := strings.Cut(browser, ".")
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	asker, err := s.Keys.Open(sealAsker, []byte(token), sealed)
	if err != nil {
		return nil
	}
	return asker
}

// reach chooses where the account's own codes go: the current phone, else the verified e-mail. to is what
// codes are counted by; empty: nowhere, because a phone that is not current may be a stranger's by now (T06).
func reach(o Owner) (channel effect.Channel, to string) {
	switch {
	case o.PhoneCurrent:
		return effect.SMS, o.Phone
	case o.Email != "":
		return effect.Email, o.Email
	}
	return effect.SMS, ""
}

// nobody is what a code is counted by that goes to nobody: no phone, and never the same twice.
func nobody(recoveryID string) string { return "nobody:" + recoveryID }

// makeCode makes the code of the present step. For a decoy and for an owner who cannot be reached it is a code that
// goes to nobody: the rows are the same, and the applicant is not told. So it is, by effect.IssueCode.Quiet, for a phone that
// has been sent too many today, and while a contact is at his last step on that phone: nothing else is sent there (T04),
// and the stranger at the start page must not learn of it.
func (s *Service) makeCode(now time.Time, r Recovery, owner Owner, share effect.Share) ([]effect.Effect, error) {
	purpose := secret.RecoveryProve
	if r.State == Approved {
		purpose = secret.RecoveryFinish
	}
	code, err := secret.Code(purpose)
	if err != nil {
		return nil, err
	}
	rules := s.Policy
	if owner.Known {
		rules.CodesPerPhoneDay *= 2 // the second half is out of every stranger's reach (T21)
	}
	_, reached := reach(owner)
	_, effs, err := r.Apply(now, rules, CodeSent{Code: Code{
		ID: newID(), Purpose: string(purpose), Code: code, Phone: cmp.Or(reached, nobody(r.ID)), Hash: s.Keys.HashCode(purpose, r.ID, code), Share: share,
	}})
	if reached == "" {
		effs = mute(effs)
	}
	return effs, err
}

// mute keeps the rows of a code and sends its message to nobody. Nobody can enter it, not even by luck.
func mute(effs []effect.Effect) []effect.Effect {
	var out []effect.Effect
	for _, e := range effs {
		switch e := e.(type) {
		case effect.Send:
			e.To, e.Nobody = "", true
			out = append(out, e)
		case effect.IssueCode:
			out = append(out, e.Muted(secret.HashToken(secret.Token())))
		default:
			out = append(out, e)
		}
	}
	return out
}

// purposeNow is the purpose of the code the present step waits for.
func purposeNow(r Recovery) (secret.Purpose, bool) {
	switch r.State {
	case Proving:
		return secret.RecoveryProve, true
	case Approved:
		return secret.RecoveryFinish, true
	}
	return "", false
}

// deviceHash is what a remembered browser is found by; nil: none.
func deviceHash(remembered string) []byte {
	if remembered == "" {
		return nil
	}
	return secret.HashToken(remembered)
}
