const { createServer } = require('node:http');

module.exports = () => {
  const routes = [];
  return {
    get: (pattern, handler) =>
      routes.push([new RegExp(`^${pattern.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`), handler]),
    listen: (port) =>
      createServer((request, response) => {
        for (const [pattern, handler] of routes) {
          const match = pattern.exec(request.url);
          if (match) return handler(match.groups ?? {}, response);
        }
        response.writeHead(404).end('no such page\n');
      }).listen(port),
  };
};
