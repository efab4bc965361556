// Loaded into the server in front of its own program, by bench:memory and bench:strangers only: collects garbage when it is
// told to and says what is left, or says how late timers were since it was asked last. The server knows nothing of it, and
// nothing else about it is changed.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

// Watching costs something, so it begins when it is asked for.
let delay;

process.on('message', (wanted) => {
  if (wanted === 'delay') {
    process.send({ mean: (delay?.mean ?? 0) / 1e6, p99: (delay?.percentile(99) ?? 0) / 1e6, max: (delay?.max ?? 0) / 1e6 });
    delay ??= monitorEventLoopDelay({ resolution: 1 });
    delay.reset();
    delay.enable();
    return;
  }
  // What the first one finds unreachable may hold what only the second one finds.
  collect();
  collect();
  process.send(process.memoryUsage());
});
// The server must end as if nobody talked to it.
process.channel.unref();
