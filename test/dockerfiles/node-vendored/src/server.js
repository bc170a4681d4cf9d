const items = require('../items.json');
const app = require('tiny-router')();

app.get('/', (_, response) => response.end('shop\n'));
app.get('/items/:name', ({ name }, response) => response.end(`${name}: ${items[name]}\n`));
app.listen(process.env.PORT);
