// An ESME made with node-smpp: node esme.js PORT [SYSTEM_ID PASSWORD FROM TO [REFUSED]]. Binds, submits each form of message, prints one
// JSON line per event, answers deliver_sm, and unbinds once it got one.
const smpp = require('smpp');

const [port, system_id = 'node', password = 'secret', from = 'NODE', to = '91', refused] = process.argv.slice(2);
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` });

const messages = [
  { short_message: 'Hello [€]' },
  { short_message: 'नमस्ते 😀', data_coding: 8 },
  { short_message: { udh: Buffer.from('050003070201', 'hex'), message: 'first ' }, esm_class: 0x40 },
  { short_message: { udh: Buffer.from('050003070202', 'hex'), message: 'second' }, esm_class: 0x40 },
  { message_payload: 'in the payload', short_message: '' },
  { short_message: 'sar', sar_msg_ref_num: 9, sar_total_segments: 1, sar_segment_seqnum: 1 },
  ...(refused ? [{ short_message: 'nowhere', destination_addr: refused }] : []),
];

session.on('connect', () => {
  const version = refused ? { interface_version: 0x50 } : {};
  session.bind_transceiver({ system_id, password, ...version }, (bound) => {
    say({ event: 'bound', status: bound.command_status, system_id: bound.system_id });
    for (const [number, message] of messages.entries()) {
      const pdu = { source_addr: from, destination_addr: to, registered_delivery: 1, ...message };
      session.submit_sm(pdu, (answer) => {
        say({ event: 'answer', number, status: answer.command_status, id: answer.message_id, why: answer.additional_status_info_text });
      });
    }
    session.enquire_link(() => say({ event: 'enquire_link_resp' }));
    session.query_sm({ message_id: 'x' }, (answer) => {
      say({ event: 'query', status: answer.command_status });
    });
  });
});
session.on('deliver_sm', (pdu) => {
  say({
    event: 'deliver_sm',
    text: pdu.short_message.message,
    state: pdu.message_state,
    id: pdu.receipted_message_id,
    esm_class: pdu.esm_class,
  });
  session.send(pdu.response());
  session.unbind(() => {
    say({ event: 'unbound' });
    session.close();
  });
});
session.on('error', (error) => say({ event: 'error', message: String(error) }));
