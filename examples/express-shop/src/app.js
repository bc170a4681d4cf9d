import { fileURLToPath } from 'node:url';
import compression from 'compression';
import express from 'express';
import morgan from 'morgan';
import { catalogue, find } from './catalogue.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const createApp = () => {
  const app = express();
  app.set('view engine', 'ejs');
  app.set('views', path('../views'));
  app.use(morgan('tiny'));
  app.use(compression());
  app.use(express.static(path('../public')));

  app.get('/', (_request, response) => response.render('index', { title: 'The harbour shop', catalogue }));
  app.get('/healthz', (_request, response) => response.json({ status: 'ok' }));
  app.get('/api/items', (_request, response) => response.json(catalogue));
  app.get('/api/items/:id', (request, response) => {
    const item = find(request.params.id);
    if (item) response.json(item);
    else response.status(404).json({ error: `no item ${request.params.id}` });
  });
  return app;
};
