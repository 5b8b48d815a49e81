// Package webpush carries notices to people's browsers: Web Push (RFC 8030), encrypted for the browser alone (RFC 8291,
// RFC 8188), and signed with the server's own key (VAPID, RFC 8292).
//
// The address of a letter is the id of a subscription, not the subscription itself: whether the browser may still be
// written to is asked at the last moment, so that nothing reaches a browser that was signed out of meanwhile.
//
// A push says what is waiting and which page of the cabinet tells more. It holds no code and no link of its own, and
// opens nothing: who presses it comes to a page that asks for a sign-in like any other.
//
// What an attacker would try, and what stands against it:
//
//   - An endpoint is an address that a browser names: it could name one inside our own network. Only https addresses of
//     the push services that are configured are taken, no redirect is followed, and the dialler refuses every address
//     that is not public, after the name was resolved.
//   - A push service reads what passes through it: it sees a record of always the same length, encrypted for the browser.
//   - An endpoint is as good as a password for writing to its browser: it is kept sealed, and no error or log names it.
//   - A service that hangs or babbles: time, connections and octets of an answer are bounded.
package webpush
