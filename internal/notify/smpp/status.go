package smpp

import "fmt"

// Status is a command_status (§5.1.3).
type Status uint32

// The statuses this package tells apart.
const (
	OK              Status = 0x00
	InvalidLength   Status = 0x02 // ESME_RINVCMDLEN
	InvalidCommand  Status = 0x03 // ESME_RINVCMDID
	WrongBindState  Status = 0x04 // ESME_RINVBNDSTS
	AlreadyBound    Status = 0x05 // ESME_RALYBND
	SystemError     Status = 0x08 // ESME_RSYSERR
	BindFailed      Status = 0x0D // ESME_RBINDFAIL
	InvalidPassword Status = 0x0E // ESME_RINVPASWD
	InvalidSystemID Status = 0x0F // ESME_RINVSYSID
	QueueFull       Status = 0x14 // ESME_RMSGQFUL
	SubmitFailed    Status = 0x45 // ESME_RSUBMITFAIL
	Throttled       Status = 0x58 // ESME_RTHROTTLED
	TemporaryError  Status = 0x64 // ESME_RX_T_APPN
)

// Error says which status an SMS centre answered with.
func (s Status) Error() string { return fmt.Sprintf("smpp: command_status 0x%08X", uint32(s)) }

// slows reports whether the centre asks for fewer messages.
func (s Status) slows() bool { return s == Throttled || s == QueueFull }

// temporary reports whether the same message may be taken later.
func (s Status) temporary() bool {
	switch s {
	case Throttled, QueueFull, SystemError, SubmitFailed, TemporaryError, WrongBindState:
		return true
	default:
		return false
	}
}
