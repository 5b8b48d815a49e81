package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"doverie/internal/effect"
)

// keptPerAddress bounds the memory of the development phone; the oldest message goes first.
const keptPerAddress = 200

// Received is one message as the development phone or mailbox shows it.
type Received struct {
	Seq     int64 // grows by one with every message of the whole device, from 1
	At      time.Time
	Channel effect.Channel
	Kind    Kind
	Address string
	Sender  string
	Text    Text
	key     string
}

// DevPhone is every phone and mailbox of the development world, in memory. It is safe for concurrent use, takes
// two letters of one key as one, and logs nothing.
type DevPhone struct {
	now func() time.Time

	mu       sync.Mutex
	seq      int64
	boxes    map[string][]Received
	watchers map[*watcher]struct{}
}

type watcher struct {
	address string // empty: every address
	bell    chan struct{}
}

// NewDevPhone returns an empty device with that clock.
func NewDevPhone(now func() time.Time) *DevPhone {
	return &DevPhone{now: now, boxes: map[string][]Received{}, watchers: map[*watcher]struct{}{}}
}

// On is the device as a Channel: for SMS and push give it phones, for e-mail mailboxes.
func (d *DevPhone) On(channel effect.Channel) Channel { return devChannel{device: d, channel: channel} }

type devChannel struct {
	device  *DevPhone
	channel effect.Channel
}

var errCarrierAddress = errors.New("notify: the development phone needs an address")

// Deliver puts the letter into the box of its address.
func (c devChannel) Deliver(ctx context.Context, l Letter) (Outcome, error) {
	if err := ctx.Err(); err != nil {
		return Unknown, err
	}
	if l.Address == "" {
		return Refused, errCarrierAddress
	}
	c.device.put(Received{
		At: c.device.now(), Channel: c.channel, Kind: l.Kind, Address: l.Address, Sender: l.Sender, Text: l.Text, key: l.Key,
	})
	return Delivered, nil
}

func (d *DevPhone) put(r Received) {
	d.mu.Lock()
	defer d.mu.Unlock()
	box := d.boxes[r.Address]
	if r.key != "" && slices.ContainsFunc(box, func(o Received) bool { return o.key == r.key && o.Channel == r.Channel }) {
		return
	}
	d.seq++
	r.Seq = d.seq
	if len(box) >= keptPerAddress {
		box = slices.Delete(box, 0, len(box)-keptPerAddress+1)
	}
	d.boxes[r.Address] = append(box, r)
	for w := range d.watchers {
		if w.address == "" || w.address == r.Address {
			select {
			case w.bell <- struct{}{}:
			default: // it has not answered the last ring; one is enough
			}
		}
	}
}

// Messages returns what the address has received, oldest first.
func (d *DevPhone) Messages(address string) []Received {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.boxes[address])
}

// Since returns what any address has received after that Seq, oldest first.
func (d *DevPhone) Since(seq int64) []Received {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Received
	for _, box := range d.boxes {
		for _, r := range box {
			if r.Seq > seq {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b Received) int { return int(a.Seq - b.Seq) })
	return out
}

// Addresses lists every address that has received anything, sorted.
func (d *DevPhone) Addresses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]string, 0, len(d.boxes))
	for a := range d.boxes {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// Subscribe rings the returned bell whenever the address (any, when empty) has received something since the last
// ring was taken; then read Messages or Since. Nothing is lost by a slow reader. The function ends it; the
// bell is never closed.
func (d *DevPhone) Subscribe(address string) (bell <-chan struct{}, stop func()) {
	w := &watcher{address: address, bell: make(chan struct{}, 1)}
	d.mu.Lock()
	d.watchers[w] = struct{}{}
	d.mu.Unlock()
	return w.bell, func() {
		d.mu.Lock()
		delete(d.watchers, w)
		d.mu.Unlock()
	}
}

// WaitFor returns the oldest message of the address that matches, waiting until one comes or ctx ends.
// A nil match takes any.
func (d *DevPhone) WaitFor(ctx context.Context, address string, match func(Received) bool) (Received, error) {
	bell, stop := d.Subscribe(address)
	defer stop()
	for {
		for _, r := range d.Messages(address) {
			if match == nil || match(r) {
				return r, nil
			}
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return Received{}, ctx.Err()
		}
	}
}
