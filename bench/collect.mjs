// Loaded into the server in front of its own program, by bench:memory only: collects garbage when it is told to, and
// says what is left. The server knows nothing of it, and nothing else about it is changed.
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

process.on('message', () => {
  // What the first one finds unreachable may hold what only the second one finds.
  collect();
  collect();
  process.send(process.memoryUsage());
});
// The server must end as if nobody talked to it.
process.channel.unref();
