// An SMSC made with node-smpp, whose codec shares nothing with ours. It prints one JSON line per
// event: the port first. A destination ending in 9 is refused; all others get a receipt.
const smpp = require('smpp');

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
let nextId = 0xab0000;

const server = smpp.createServer((session) => {
  const bind = (pdu) => {
    if (pdu.password !== 'secret') {
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      session.close();
      return;
    }
    say({ event: 'bind', system_id: pdu.system_id, version: pdu.interface_version });
    session.send(pdu.response({ system_id: 'node' }));
  };
  session.on('bind_transceiver', bind);
  session.on('bind_transmitter', bind);
  session.on('submit_sm', (pdu) => {
    const message = pdu.short_message;
    say({
      event: 'submit_sm',
      source: pdu.source_addr,
      ton: pdu.source_addr_ton,
      destination: pdu.destination_addr,
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      udh: message.udh ? message.udh.map((element) => element.toString('hex')) : null,
      text: message.message,
      payload: pdu.message_payload ? pdu.message_payload.message : null,
      sar: [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum],
      validity: pdu.validity_period,
    });
    if (pdu.destination_addr.endsWith('9')) {
      session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
      return;
    }
    const id = (nextId += 1).toString(16);
    session.send(pdu.response({ message_id: id }));
    session.deliver_sm({
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      esm_class: 4,
      short_message:
        `id:${parseInt(id, 16)} sub:001 dlvrd:001 submit date:2611231200 ` +
        'done date:2611231201 stat:DELIVRD err:000 text:',
      message_state: 2,
      receipted_message_id: id,
    }, (answer) => say({ event: 'deliver_sm_resp', status: answer.command_status }));
  });
  session.on('enquire_link', (pdu) => {
    say({ event: 'enquire_link' });
    session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    say({ event: 'unbind' });
    session.send(pdu.response());
    session.close();
  });
  session.on('error', (error) => say({ event: 'error', message: String(error) }));
});

server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
