package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	errNotServed  = errors.New("notify: messages are not sent to numbers of that range")
	errNoCarriers = errors.New("notify: a carrier is missing")
	errBadPrefix  = errors.New("notify: a prefix is a plus and one to seven digits")
)

// InOrder joins carriers of one kind: a letter goes to the first that takes it. The next one is asked only when the one
// before surely sent nothing; an Unknown outcome stops, because a second carrier would make a second copy.
func InOrder(carriers ...Channel) (Channel, error) {
	if len(carriers) == 0 || slices.Contains(carriers, nil) {
		return nil, errNoCarriers
	}
	if len(carriers) == 1 {
		return carriers[0], nil
	}
	return &inOrder{carriers: slices.Clone(carriers), taken: NewTaken()}, nil
}

type inOrder struct {
	carriers []Channel
	taken    *Taken // a carrier does not know what another one took
}

// Deliver implements Channel. Postponed: at least one carrier may take it later.
func (o *inOrder) Deliver(ctx context.Context, l Letter) (Outcome, error) {
	if o.taken.Parts(l.Key) > 0 {
		return Accepted, nil
	}
	last := Refused
	var why []error
	for _, c := range o.carriers {
		outcome, err := c.Deliver(ctx, l)
		switch outcome {
		case Accepted, Delivered:
			o.taken.Add(l.Key, 1)
			return outcome, nil
		case Refused:
			if errors.Is(err, ErrTooLate) {
				return Refused, err
			}
		case Postponed:
			last = Postponed
		case Unknown:
			return Unknown, errors.Join(append(why, err)...)
		default:
			return Unknown, fmt.Errorf("notify: a carrier ended with %s", outcome)
		}
		why = append(why, err)
		if ctx.Err() != nil {
			break
		}
	}
	return last, errors.Join(why...)
}

// ByKind sends letters of the kinds that have a carrier of their own through it, and all others through otherwise.
func ByKind(otherwise Channel, own map[Kind]Channel) (Channel, error) {
	if otherwise == nil {
		return nil, errNoCarriers
	}
	for _, c := range own {
		if c == nil {
			return nil, errNoCarriers
		}
	}
	if len(own) == 0 {
		return otherwise, nil
	}
	return byKind{otherwise: otherwise, own: maps.Clone(own)}, nil
}

type byKind struct {
	otherwise Channel
	own       map[Kind]Channel
}

// Deliver implements Channel.
func (b byKind) Deliver(ctx context.Context, l Letter) (Outcome, error) {
	if c, ok := b.own[l.Kind]; ok {
		return c.Deliver(ctx, l)
	}
	return b.otherwise.Deliver(ctx, l)
}

var prefixForm = regexp.MustCompile(`^\+[1-9][0-9]{0,6}$`)

// OnlyTo lets letters through to phones whose E.164 number begins with one of the prefixes ("+79"), and refuses all
// others: nobody can pump messages to expensive numbers abroad (T18).
func OnlyTo(carrier Channel, prefixes ...string) (Channel, error) {
	if carrier == nil {
		return nil, errNoCarriers
	}
	if len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return !prefixForm.MatchString(p) }) {
		return nil, errBadPrefix
	}
	return onlyTo{carrier: carrier, prefixes: slices.Clone(prefixes)}, nil
}

type onlyTo struct {
	carrier  Channel
	prefixes []string
}

// Deliver implements Channel.
func (o onlyTo) Deliver(ctx context.Context, l Letter) (Outcome, error) {
	if !slices.ContainsFunc(o.prefixes, func(p string) bool { return strings.HasPrefix(l.Address, p) }) {
		return Refused, errNotServed
	}
	return o.carrier.Deliver(ctx, l)
}
