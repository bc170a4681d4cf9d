import { describe, expect, test } from 'vitest';
import { compileTemplate, type TemplateOptions } from './index.ts';

const run = (source: string, data: unknown, options?: TemplateOptions): string =>
  compileTemplate(source)(data, options);

const shop = {
  Name: '/shop',
  Id: 'abc',
  Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '443/tcp': null },
  Config: { Cmd: ['sh', '-c', 'x'], Labels: { a: 'b' }, Env: [] },
  State: { Running: true, ExitCode: 0, Health: null },
};

describe('fields', () => {
  test.each([
    ['{{.Name}} {{.Config.Cmd}}', '/shop [sh -c x]'],
    ['{{.ID}}', 'abc'],
    ['{{$.Name}}', '/shop'],
    ['{{(index .Config.Cmd 1)}}', '-c'],
    ['{{index .Config.Labels "a"}}|{{index .Config.Labels "no"}}', 'b|'],
    ['{{.Config.Labels}}', 'map[a:b]'],
    ['{{.State.Health}}', '<nil>'],
    ['{{.Missing}}', '<no value>'],
    ['{{json .Config.Cmd}}', '["sh","-c","x"]'],
    ['{{.Config.Labels.a}} {{ .State.ExitCode }}', 'b 0'],
  ])('%s', (source, expected) => expect(run(source, shop)).toBe(expected));

  test('names may have letters of any script', () => {
    const data = { Größe: 3, Config: { Labels: { имя: 'x' } } };
    expect(run('{{$größe := .Größe}}{{$größe}} {{.Config.Labels.имя}} €', data)).toBe('3 x €');
    expect(() => run('{{.Größe€}}', data)).toThrow('unexpected "€"');
  });

  test('what does not exist is an error where that was asked for, except in maps', () => {
    const options: TemplateOptions = { missing: 'error', maps: new Set(['Labels']) };
    expect(() => run('{{.Config.Nope}}', shop, options)).toThrow('map has no entry for key "Nope"');
    expect(run('{{.Config.Labels.nope}}', shop, options)).toBe('<no value>');
    expect(() => run('{{.Name.First}}', shop, options)).toThrow("can't evaluate field First");
  });

  test('a member function gets its arguments', () => {
    const row = { Label: (name: unknown) => `<${String(name)}>`, Names: 'x' };
    expect(run('{{.Label "com.x"}} {{.Names}}', row)).toBe('<com.x> x');
  });
});

describe('actions', () => {
  test.each([
    ['{{if .State.Running}}up{{else}}down{{end}}', 'up'],
    ['{{if .State.Health}}h{{else if .State.ExitCode}}e{{else}}none{{end}}', 'none'],
    ['{{if and .State.Running (eq .Name "/shop")}}yes{{end}}', 'yes'],
    ['{{if or .State.Health .State.Running}}yes{{end}}', 'yes'],
    ['{{with .Config}}{{len .Cmd}}{{end}}', '3'],
    ['{{with .State.Health}}x{{else}}no health{{end}}', 'no health'],
    ['{{range .Config.Cmd}}<{{.}}>{{end}}', '<sh><-c><x>'],
    ['{{range $i, $e := .Config.Cmd}}{{if $i}},{{end}}{{$e}}{{end}}', 'sh,-c,x'],
    ['{{range .Config.Env}}x{{else}}empty{{end}}', 'empty'],
    [
      '{{range $p, $c := .Ports}}{{$p}}={{with $c}}{{(index . 0).HostPort}}{{end}};{{end}}',
      '443/tcp=;80/tcp=8080;',
    ],
    ['{{range .Config.Cmd}}{{if eq . "-c"}}{{continue}}{{end}}{{.}}{{end}}', 'shx'],
    ['{{range .Config.Cmd}}{{if eq . "-c"}}{{break}}{{end}}{{.}}{{end}}', 'sh'],
    ['{{$x := 1}}{{range .Config.Cmd}}{{$x = 2}}{{end}}{{$x}}', '2'],
    ['a {{- /* no */ -}} b', 'ab'],
    ['a {{- 1 -}} b', 'a1b'],
    ['a {{ -1 }} b', 'a -1 b'],
  ])('%s', (source, expected) => expect(run(source, shop)).toBe(expected));
});

describe('functions', () => {
  test.each([
    ['{{.Name | upper | printf "%-8s|"}}', '/SHOP   |'],
    ['{{join .Config.Cmd ", "}}', 'sh, -c, x'],
    ['{{join (split "a,b" ",") "-"}}', 'a-b'],
    [
      '{{title "some name"}} {{lower "AB"}} {{pad "x" 1 2}}| {{truncate "abcdef" 3}}',
      'Some Name ab  x  | abc',
    ],
    ['{{println "a" 1}}', 'a 1\n'],
    ['{{print "a" 1 2 "b"}}', 'a1 2b'],
    [
      '{{printf "%05d %q %v %.2f %x %t %%" 42 "a\\"b" .Config.Cmd 1.5 255 true}}',
      '00042 "a\\"b" [sh -c x] 1.50 ff true %',
    ],
    ['{{slice "abcdef" 1 3}} {{len "ab"}} {{not true}}', 'bc 2 false'],
    ['{{lt 1 2}} {{ge 2 2}} {{ne "a" "b"}} {{eq 1 2 1}}', 'true true true true'],
    ['{{html "<a>"}} {{urlquery "a b"}}', '&lt;a&gt; a+b'],
    ['{{json "<a>"}} {{json .Nope}}', '"<a>" null'],
    ['{{"\\t"}}{{`raw\\t`}}{{\'a\'}}', '\traw\\t97'],
  ])('%s', (source, expected) => expect(run(source, shop)).toBe(expected));
});

describe('what is no template', () => {
  test.each([
    '{{.Name',
    '{{if .Name}}x',
    '{{end}}',
    '{{.Name | }}',
    '{{nosuch .Name}}',
    '{{"a" "b"}}',
    '{{$x}}',
    '{{index .Config.Cmd 9}}',
    '{{template "x"}}',
    '{{range 1.5.5}}',
    '{{(.Name}}',
  ])('%s', (source) => {
    expect(() => run(source, shop)).toThrow(/^template parsing error: template: /);
  });
});
