// An SMS centre for tests, made of the npm package "smpp": code that shares nothing with ours.
// It writes one line of JSON to stdout for each thing it sees, and ends when its stdin closes.
//
//   node smsc.js [--receipts tlv|text|none] [--cert FILE --key FILE]
//
// --receipts tlv   message_id in hexadecimal, receipts name it in receipted_message_id
// --receipts text  message_id in hexadecimal, receipts name it in decimal in their text alone
'use strict';
const fs = require('fs');
const smpp = require('smpp');

const options = { receipts: 'tlv' };
for (let i = 2; i + 1 < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1];

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const stamp = '2611211200';
let last = 0x1fff0;

function receipt(session, pdu, id) {
  const text = `id:${options.receipts === 'text' ? String(id) : 'none'} sub:001 dlvrd:001 submit date:${stamp} done date:${stamp} stat:DELIVRD err:000 text:id:7`;
  const out = {
    source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi, source_addr: pdu.destination_addr,
    dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: pdu.source_addr,
    esm_class: 4, short_message: { message: text },
  };
  if (options.receipts === 'tlv') {
    out.receipted_message_id = id.toString(16).toUpperCase();
    out.message_state = 2;
  }
  session.deliver_sm(out, (answer) => say({ event: 'receipt_answer', status: answer.command_status }));
}

const settings = { host: '127.0.0.1', port: 0 };
if (options.cert) {
  settings.cert = fs.readFileSync(options.cert);
  settings.key = fs.readFileSync(options.key);
}
const server = smpp.createServer(settings, (session) => {
  session.on('error', () => {});
  const bind = (mode) => (pdu) => {
    const ok = pdu.system_id === 'doverie' && pdu.password === 'secret77';
    say({ event: 'bind', mode, version: pdu.interface_version, ok });
    session.send(pdu.response({ command_status: ok ? smpp.ESME_ROK : smpp.ESME_RBINDFAIL, system_id: 'centre' }));
    if (!ok) session.close();
  };
  session.on('bind_transceiver', bind('transceiver'));
  session.on('bind_transmitter', bind('transmitter'));
  session.on('submit_sm', (pdu) => {
    const id = ++last;
    const udh = pdu.short_message.udh;
    say({
      event: 'submit', id: id.toString(16), to: pdu.destination_addr, to_ton: pdu.dest_addr_ton, to_npi: pdu.dest_addr_npi,
      from: pdu.source_addr, from_ton: pdu.source_addr_ton, coding: pdu.data_coding, esm_class: pdu.esm_class,
      registered: pdu.registered_delivery, validity: pdu.validity_period ? pdu.validity_period.toISOString() : '',
      text: pdu.short_message.message, udh: udh ? udh.map((b) => b.toString('hex')) : [],
    });
    session.send(pdu.response({ message_id: id.toString(16).toUpperCase() }));
    if (pdu.registered_delivery && options.receipts !== 'none') setTimeout(() => receipt(session, pdu, id), 5);
  });
  session.on('enquire_link', (pdu) => { say({ event: 'enquire_link' }); session.send(pdu.response()); });
  session.on('unbind', (pdu) => { say({ event: 'unbind' }); session.send(pdu.response(), () => session.close()); });
  // Ask the other side too: it must answer.
  const asking = setInterval(() => session.enquire_link(() => say({ event: 'enquire_answer' })), 200);
  session.on('close', () => clearInterval(asking));
});
server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
process.stdin.on('end', () => process.exit(0)).resume();
