// Package outreach is the information campaign: one checked text, and everything that is made from it.
//
// A ministry asks utilities and municipalities to tell citizens of the trusted contact. Each recipient used to retype the
// letter, and the copies drifted: wrong ages, codes read aloud to relatives, a passport asked for. Therefore
//
//   - source.toml holds every statement once, with a version (Source);
//   - Check compares a published text with it and names what is missing, what has drifted, and what is dangerous;
//   - MakeKit makes everything an organisation needs, in its name, from the same statements;
//   - MakeLetter makes the covering letter in the form of the ministry's;
//   - Batch does both for a register of organisations, and goes on where it was broken off.
//
// An attacker would like to see people taught to tell codes, to trust a caller, or to follow an address that only looks
// official. So no kit contains a short link: the QR code and the printed address beside it are the same official address,
// and the check refuses every other address beside the text.
//
// Nothing here knows of accounts or of the web. What it makes depends on its input alone: the same input makes the same bytes.
package outreach
