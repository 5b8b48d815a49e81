package notary

import "golang.org/x/mod/sumdb/tlog"

// edge is the right edge of a growing tree: the hashes of the complete subtrees it is made of, largest first. It is all
// that is needed to append and to know the root, however large the tree is.
type edge struct {
	size  int64
	whole []tlog.Hash
}

// add appends the hash of one leaf.
func (e *edge) add(leaf tlog.Hash) {
	e.whole = append(e.whole, leaf)
	for n := e.size; n&1 == 1; n >>= 1 {
		last := len(e.whole) - 1
		e.whole[last-1] = tlog.NodeHash(e.whole[last-1], e.whole[last])
		e.whole = e.whole[:last]
	}
	e.size++
}

// root is the root of the tree so far (RFC 6962 §2.1).
func (e *edge) root() tlog.Hash {
	if e.size == 0 {
		return EmptyRoot
	}
	last := len(e.whole) - 1
	root := e.whole[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(e.whole[i], root)
	}
	return root
}

// EmptyRoot is the root of a log without records: SHA-256 of nothing.
var EmptyRoot = tlog.Hash{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}
