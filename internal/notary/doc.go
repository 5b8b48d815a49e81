// Package notary puts the event log under signed checkpoints that are kept outside the database.
//
// The chain of package audit shows that a record was changed. It cannot show that the whole database was set back to
// an older copy of itself, and whoever has the server's key can make a chain anew. Therefore:
//
//  1. Every event gets a leaf in a Merkle tree (RFC 6962), in the order of its number: a salted commitment to each of
//     its fields, no personal data (audit.Event.Leaf). This is done a little later, by a timer: no transaction of a
//     person waits for it. Before an event gets its leaf, its place in the chain is checked.
//  2. Now and then the tree is signed: a checkpoint (C2SP tlog-checkpoint: origin, size, root; C2SP signed-note,
//     Ed25519) is written to the database, to a folder outside it, and shown at /audit/checkpoint. A file of the
//     folder is never written over.
//  3. From then on a record cannot be changed, removed, moved or cut off without contradicting a checkpoint, whoever
//     does it: the notary itself refuses to sign a log that does not grow out of what lies outside, and a server does
//     not start on a database that is older than it (T55).
//
// A log has epochs. Restoring a backup begins a new one (see store.Fence): the origin's last part is the epoch, and
// the event "audit.fenced" says where the old epoch was left. Checkpoints of an old epoch hold for the records up to
// there.
//
// What is proved to whom, and how to check it without us: docs/audit.md.
package notary
