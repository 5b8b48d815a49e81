// Package campaign is the information campaign at work: who is written to, what became of each letter, and where the
// materials hang. The texts, kits and letters themselves are made by package outreach.
//
// # Whose move
//
//	staff      creates a campaign, imports organisations, has kits made, sends the letters
//	recipient  opens the letter by its signed link, downloads the kit, answers where it was placed
//
// # An organisation of a campaign
//
//	listed ──letter sent──▶ sent ──"open" pressed on the page of the link──▶ opened ──a placement reported──▶ answered
//	                        sent ──a placement reported──▶ answered
//	sent, opened, answered ──letter sent again──▶ unchanged; the link lives on
//
// Opening is counted when a person presses the button, not when the address is fetched: programs that look for malicious
// letters fetch every link. Whether the mail was taken is the message's state, not the organisation's (Recipient.Delivery).
//
// # Addresses
//
//	/outreach                              campaigns               (staff)
//	/outreach/campaigns/{id}/…             one campaign            (staff; sending after the repeated check)
//	/outreach/letters/{token}              the recipient's page    (whoever has the link, until it expires)
//	/landing/trusted_contact?p=CODE        counted for the placement, without cookies and addresses
//
// # Timers
//
//	campaign.send   sends the letters that were asked for, some at a time, and sets itself again
//	campaign.kits   makes the kits that were asked for, some at a time, and sets itself again
//
// A process that dies in between leaves its timer, and another goes on: an organisation's state and its message change in
// one transaction, so no letter is sent twice and none is lost.
//
// # What an attacker would try
//
// Reach the pages without the right (the right is looked up at every request and can be taken away); guess or alter a link
// (signed for one organisation and one purpose, with an end); put a harmful file where staff look at it (a photo is decoded
// within bounds and drawn anew; only the new picture is kept); make a spreadsheet run a formula (cells of the export are
// defused); follow people (counters know weeks and codes only, and small counts are not shown).
package campaign
