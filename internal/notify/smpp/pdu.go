package smpp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// command is a command_id (§5.1.2.1); an answer has the highest bit set.
type command uint32

const (
	genericNack         command = 0x80000000
	bindReceiver        command = 0x00000001
	bindTransmitter     command = 0x00000002
	submitSM            command = 0x00000004
	deliverSM           command = 0x00000005
	unbind              command = 0x00000006
	bindTransceiver     command = 0x00000009
	outbind             command = 0x0000000B
	enquireLink         command = 0x00000015
	alertNotification   command = 0x00000102
	answerBit           command = 0x80000000
	submitSMResp                = submitSM | answerBit
	deliverSMResp               = deliverSM | answerBit
	unbindResp                  = unbind | answerBit
	bindTransceiverResp         = bindTransceiver | answerBit
	bindTransmitterResp         = bindTransmitter | answerBit
	enquireLinkResp             = enquireLink | answerBit
)

// interfaceVersion is 3.4.
const interfaceVersion = 0x34

const (
	headerLength = 16
	maxLength    = 72 << 10 // a message_payload of 64 KiB and everything else
)

var (
	errFraming   = errors.New("smpp: a length that cannot be")
	errTruncated = errors.New("smpp: a field runs out of its PDU")
	errTooLong   = errors.New("smpp: a field is longer than its PDU allows")
)

// pdu is one protocol data unit (§3.2).
type pdu struct {
	command command
	status  Status
	seq     uint32
	body    []byte
}

// readPDU reads one PDU; errFraming means that the stream cannot be understood any more.
func readPDU(r io.Reader) (pdu, error) {
	var head [headerLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return pdu{}, err
	}
	length := binary.BigEndian.Uint32(head[0:])
	p := pdu{
		command: command(binary.BigEndian.Uint32(head[4:])),
		status:  Status(binary.BigEndian.Uint32(head[8:])),
		seq:     binary.BigEndian.Uint32(head[12:]),
	}
	if length < headerLength || length > maxLength {
		return p, fmt.Errorf("%w: %d octets", errFraming, length)
	}
	p.body = make([]byte, length-headerLength)
	_, err := io.ReadFull(r, p.body)
	return p, err
}

// bytes is the PDU as it travels.
func (p pdu) bytes() []byte {
	b := make([]byte, 0, headerLength+len(p.body))
	b = binary.BigEndian.AppendUint32(b, uint32(headerLength+len(p.body))) //nolint:gosec // bounded by maxLength, or by our own short bodies
	b = binary.BigEndian.AppendUint32(b, uint32(p.command))
	b = binary.BigEndian.AppendUint32(b, uint32(p.status))
	b = binary.BigEndian.AppendUint32(b, p.seq)
	return append(b, p.body...)
}

// answer is the reply to p; only an answer with status 0 has a body.
func (p pdu) answer(status Status, body []byte) pdu {
	return pdu{command: p.command | answerBit, status: status, seq: p.seq, body: body}
}

// reader takes fields from a body. After the first error every further field is empty.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) octet() byte {
	if b := r.octets(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) octets(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.rest) {
		r.err = errTruncated
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// cstring takes octets up to a NUL, at most limit with it (§3.1).
func (r *reader) cstring(limit int) string {
	if r.err != nil {
		return ""
	}
	for i, b := range r.rest {
		switch {
		case b == 0:
			s := string(r.rest[:i])
			r.rest = r.rest[i+1:]
			return s
		case i+1 >= limit:
			r.err = errTooLong
			return ""
		}
	}
	r.err = errTruncated
	return ""
}

// tag names an optional parameter (§5.3).
type tag uint16

const (
	tagReceiptedMessageID tag = 0x001E
	tagMessagePayload     tag = 0x0424
	tagNetworkErrorCode   tag = 0x0423
	tagMessageState       tag = 0x0427
)

// tlv is one optional parameter.
type tlv struct {
	tag   tag
	value []byte
}

func (r *reader) tlvs() []tlv {
	var out []tlv
	for r.err == nil && len(r.rest) > 0 {
		head := r.octets(4)
		if r.err != nil {
			break
		}
		value := r.octets(int(binary.BigEndian.Uint16(head[2:])))
		if r.err == nil {
			out = append(out, tlv{tag: tag(binary.BigEndian.Uint16(head)), value: value})
		}
	}
	return out
}

func appendTLV(b []byte, t tlv) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(t.tag))
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.value))) //nolint:gosec // written only with values of this package, which are short
	return append(b, t.value...)
}

func appendCString(b []byte, s string) []byte { return append(append(b, s...), 0) }

// message is the body of submit_sm (§4.4.1) and of deliver_sm (§4.6.1), which have the same fields.
type message struct {
	serviceType        string
	source, dest       address
	esmClass           byte
	protocolID         byte
	priority           byte
	schedule, validity string
	registered         byte
	replace            byte
	coding             byte
	defaultMessage     byte
	text               []byte
	optional           []tlv
}

// address is a number or name with its type and plan (§5.2.5, §5.2.6).
type address struct {
	ton, npi byte
	value    string
}

const (
	serviceTypeSize = 6
	addressSize     = 21
	timeSize        = 17
	maxShort        = 254 // octets of short_message
)

// esm_class and registered_delivery (§5.2.12, §5.2.17).
const (
	esmUDH          = 0x40 // short_message begins with a user data header
	esmTypeMask     = 0x3C
	esmReceipt      = 0x04
	esmIntermediate = 0x20
	wantReceipt     = 0x01
)

func (m message) bytes() []byte {
	b := appendCString(nil, m.serviceType)
	for _, a := range []address{m.source, m.dest} {
		b = appendCString(append(b, a.ton, a.npi), a.value)
	}
	b = append(b, m.esmClass, m.protocolID, m.priority)
	b = appendCString(appendCString(b, m.schedule), m.validity)
	b = append(b, m.registered, m.replace, m.coding, m.defaultMessage, byte(len(m.text))) //nolint:gosec // at most 160 when written, 255 when read
	b = append(b, m.text...)
	for _, t := range m.optional {
		b = appendTLV(b, t)
	}
	return b
}

func parseMessage(body []byte) (message, error) {
	r := &reader{rest: body}
	var m message
	m.serviceType = r.cstring(serviceTypeSize)
	for _, a := range []*address{&m.source, &m.dest} {
		a.ton, a.npi = r.octet(), r.octet()
		a.value = r.cstring(addressSize)
	}
	m.esmClass, m.protocolID, m.priority = r.octet(), r.octet(), r.octet()
	m.schedule, m.validity = r.cstring(timeSize), r.cstring(timeSize)
	m.registered, m.replace, m.coding, m.defaultMessage = r.octet(), r.octet(), r.octet(), r.octet()
	m.text = r.octets(int(r.octet()))
	m.optional = r.tlvs()
	return m, r.err
}

// find returns the value of an optional parameter.
func (m message) find(t tag) ([]byte, bool) {
	for _, o := range m.optional {
		if o.tag == t {
			return o.value, true
		}
	}
	return nil, false
}

// messageIDSize is the longest message_id with its NUL (§4.4.2).
const messageIDSize = 65

// parseMessageID reads the body of submit_sm_resp. A centre that sends none gives the empty id.
func parseMessageID(body []byte) (string, error) {
	if len(body) == 0 {
		return "", nil
	}
	r := &reader{rest: body}
	id := r.cstring(messageIDSize)
	return id, r.err
}

// bindBody is the body of the bind commands (§4.1).
func bindBody(systemID, password, systemType string) []byte {
	b := appendCString(appendCString(appendCString(nil, systemID), password), systemType)
	b = append(b, interfaceVersion, 0, 0)
	return appendCString(b, "")
}
