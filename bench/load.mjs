// The load generator: a closed loop over keep-alive sockets that speaks just enough HTTP/1.1, because it shares the
// machine with what it measures and every cycle it saves goes to the server. A process of its own, told what to
// do by messages: one job at a time, one result each. A job lasts for a time, or until a number of requests is answered.
//
// A job carries complete request bytes that were signed once. Repeating them is what SigV4 allows: a signature in
// header form is valid for 15 minutes and is not remembered by anybody, so the server verifies each copy in full.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const HEAD_END = '\r\n\r\n';
const CONNECT_MS = 10_000;

/** One connection: sends its request again as soon as the answer has arrived whole, as long as the run goes on. */
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
      this.#next(performance.now());
    });
  }

  #next(now) {
    if (!this.run.goesOn(now)) {
      this.#finish();
      return;
    }
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
    this.#next(now);
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

  #left;

  constructor(start, job) {
    this.from = start + (job.warmupMs ?? 0);
    this.end = job.count === undefined ? this.from + job.measureMs : Number.POSITIVE_INFINITY;
    this.#left = job.count ?? Number.POSITIVE_INFINITY;
  }

  /** Whether one more request is to be sent. */
  goesOn(now) {
    if (this.#left === 0 || now >= this.end) return false;
    this.#left -= 1;
    return true;
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

  /** What came of it; `now`: when the last answer had come. */
  result(now) {
    const seconds = (Math.min(now, this.end) - this.from) / 1000;
    const sorted = Float64Array.from(this.latencies).sort();
    const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return {
      seconds,
      measured: sorted.length,
      perSecond: sorted.length / seconds,
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
  const loops = async () => {
    await Promise.all(sockets.map((socket, index) => new Connection(socket, Buffer.from(job.requests[index], 'base64'), run).loop()));
    return performance.now();
  };
  // The moment the measured part begins and ends, for whoever watches the processes meanwhile.
  const mark = (phase) => process.send({ phase });
  if (job.count !== undefined) {
    mark('begin');
    const now = await loops();
    mark('end');
    return run.result(now);
  }
  const marks = [delay(job.warmupMs).then(() => mark('begin')), delay(job.warmupMs + job.measureMs).then(() => mark('end'))];
  const now = await loops();
  await Promise.all(marks);
  return run.result(now);
}

process.on('message', (job) => {
  perform(job).then(
    (result) => process.send({ result }),
    (error) => process.send({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
