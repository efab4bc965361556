// The ceiling: what one Node process can do that reads a form and answers, and does nothing else. Every number
// of the server is shown beside this one's, taken in the same run on the same machine.
import { createServer } from 'node:http';

// As long as a real AssumeRole answer.
const ANSWER = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>${'x'.repeat(1_000)}</AssumeRoleResult></AssumeRoleResponse>`;

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
    const known = form.has('Action');
    response.writeHead(known ? 200 : 400, { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(ANSWER) });
    response.end(ANSWER);
  });
});

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
