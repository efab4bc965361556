// The load generator: a closed loop over keep-alive sockets that speaks just enough HTTP/1.1, because it shares the
// machine with what it measures and every cycle it saves goes to the server. A process of its own, told what to
// do by messages: one job at a time, one result each.
//
// A job carries complete request bytes that were signed once. Repeating them is what SigV4 allows: a signature in
// header form is valid for 15 minutes and is not remembered by anybody, so the server verifies each copy in full.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const HEAD_END = '\r\n\r\n';
const CONNECT_MS = 10_000;

/** One connection: sends its request again as soon as the answer has arrived whole. */
class Connection {
  #rest = Buffer.alloc(0);
  #sentAt = 0;
  #done;

  constructor(socket, request, run) {
    this.socket = socket;
    this.request = request;
    this.run = run;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#finish(error));
    socket.on('close', () => this.#finish(new Error('the server closed the connection')));
  }

  /** Loops until the run is over and the last answer has come. */
  loop() {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#send();
    });
  }

  #send() {
    this.#sentAt = performance.now();
    this.socket.write(this.request);
  }

  #receive(chunk) {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = lengthOfAnswer(bytes);
    if (end === undefined || bytes.length < end) {
      this.#rest = bytes;
      return;
    }
    this.#rest = Buffer.alloc(0);
    const now = performance.now();
    this.run.note(now, now - this.#sentAt, bytes);
    if (now < this.run.end) this.#send();
    else this.#finish();
  }

  #finish(error) {
    if (this.#done === undefined) return;
    const done = this.#done;
    this.#done = undefined;
    if (error !== undefined) this.run.broken.push(error.message);
    this.socket.destroy();
    done();
  }
}

function lengthOfAnswer(bytes) {
  const head = bytes.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.latin1Slice(0, head));
  if (length === null) throw new Error('an answer without content-length');
  return head + HEAD_END.length + Number(length[1]);
}

/** Counts of a run. Whatever is answered 200 counts as done, in the warm-up too: it has left rows behind. */
class Run {
  latencies = [];
  succeeded = 0;
  refused = 0;
  firstRefusal = undefined;
  broken = [];

  constructor(start, job) {
    this.from = start + job.warmupMs;
    this.end = this.from + job.measureMs;
  }

  note(now, latency, bytes) {
    // `HTTP/1.1 200`
    if (bytes[9] === 0x32) this.succeeded += 1;
    else {
      this.refused += 1;
      this.firstRefusal ??= bytes.toString('utf8');
      return;
    }
    if (now >= this.from && now < this.end) this.latencies.push(latency);
  }

  result(job) {
    const sorted = Float64Array.from(this.latencies).sort();
    const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return {
      perSecond: sorted.length / (job.measureMs / 1000),
      p50: at(0.5),
      p99: at(0.99),
      succeeded: this.succeeded,
      refused: this.refused,
      firstRefusal: this.firstRefusal,
      broken: this.broken,
    };
  }
}

function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, timeout: CONNECT_MS });
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.once('timeout', () => socket.destroy(new Error('no connection in time')));
    socket.once('error', reject);
  });
}

async function perform(job) {
  const sockets = await Promise.all(job.requests.map(() => open(job.port)));
  const run = new Run(performance.now(), job);
  // The moment the measured part begins and ends, for whoever watches the processes meanwhile.
  const marks = [delay(job.warmupMs).then(() => process.send({ phase: 'begin' })), delay(job.warmupMs + job.measureMs).then(() => process.send({ phase: 'end' }))];
  await Promise.all(sockets.map((socket, index) => new Connection(socket, Buffer.from(job.requests[index], 'base64'), run).loop()));
  await Promise.all(marks);
  return run.result(job);
}

process.on('message', (job) => {
  perform(job).then(
    (result) => process.send({ result }),
    (error) => process.send({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
