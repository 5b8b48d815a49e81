// Package httpsms sends SMS through a carrier's HTTP gateway that is described by configuration alone, and takes the
// gateway's delivery reports.
//
// A request is a URL, headers and a body with placeholders:
//
//	{to} +79160000001   {digits} 79160000001   {text} the SMS   {sender} the fixed sender
//	{id} our id   {key} the same for every attempt   {ttl} whole seconds that it may still take
//
// The URL, the form and the JSON body are parsed when the configuration is read, and values are put into the parsed
// thing: no text can break out of its place, whatever it holds. A JSON text that is "{ttl}" and nothing else
// becomes a number.
//
// What an answer means for a letter:
//
//	status and body say yes            Accepted, and the Ledger learns the message id
//	429, 503, or TryLater matches      Postponed; Retry-After rests the channel
//	no connection, nothing written     Postponed
//	any other 5xx, broken, time-out    Unknown: it may have been sent
//	any other answer                   Refused
//
// What an attacker would try, and what stands against it: a redirect that carries texts elsewhere (none is followed);
// an endless answer (cut); a forged delivery report (HMAC over the time and the raw body, constant time); an old report
// sent again (a window of minutes, and nothing is done twice inside it); a report with a made-up error code that
// ends in a log or page (CleanCode).
package httpsms
