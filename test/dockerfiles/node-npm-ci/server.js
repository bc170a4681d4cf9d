const { createServer } = require('node:http');
const escape = require('escape-html');
const ms = require('ms');

createServer((request, response) => {
  response.end(`${escape(decodeURIComponent(request.url))} ${ms('2 days')}\n`);
}).listen(3000);
