// Package transmit speaks HTTP for package signals: the addresses of the Shared Signals transmitter, and the
// requests that carry tokens to receivers.
//
//	/.well-known/ssf-configuration   what there is (SSF 1.0, section 7)
//	/ssf/streams                     create, read, update, replace, delete (8.1.1)
//	/ssf/status                      read and set the status (8.1.2)
//	/ssf/subjects/add, /remove       whom the receiver wants to hear of (8.1.3)
//	/ssf/verify                      ask for a verification event (8.1.4)
//	/ssf/poll/{stream}               poll delivery (RFC 8936)
//
// All but the first are for registered systems that prove who they are; a browser's cookie means nothing here.
//
// The way out is narrow, because receivers name the addresses: https only, to hosts of the registration,
// no redirects, bounded bodies and times, and no connection to an address of a private network that the
// configuration does not allow. The address is judged when the connection is made, after its name was
// resolved, so that a name cannot mean one thing when it is checked and another when it is used.
package transmit
