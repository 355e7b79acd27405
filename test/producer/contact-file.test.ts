import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import type { ContactLine } from '../../src/producer/contact-columns.ts';
import { type ContactFileOptions, openContactFile } from '../../src/producer/contact-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contacts-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Options = Partial<ContactFileOptions>;

async function read(content: string | Buffer, options: Options = {}): Promise<ContactLine[]> {
  const path = join(folder, `${crypto.randomUUID()}.csv`);
  await writeFile(path, content);
  return drain({ path, ...options });
}

async function drain(options: Options): Promise<ContactLine[]> {
  const file = await openContactFile({ path: '-', stdin: Readable.from([]), ...options });
  const lines: ContactLine[] = [];
  for await (const batch of file.lines) lines.push(...batch);
  return lines;
}

/** Standard input that comes in pieces of `size` bytes, so that every border falls inside something. */
const pieces = (bytes: Buffer, size: number) =>
  Readable.from(Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size)));

async function refusal(content: string | Buffer, options: Options = {}): Promise<string> {
  const error = await read(content, options).then(
    () => new Error('accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}

const short = (line: ContactLine) => ('fields' in line ? [line.line, line.fields.phone, line.fields.name] : [line.line, line.problem]);

describe('contact file', () => {
  test('a plain CSV gives phone, name, zone, CRM id, and every other column as a variable', async () => {
    const [line] = await read(
      'Phone,Name,Time Zone,HubSpot ID,Appointment Date,\n+12025550100,Ada Park,America/New_York,42,"Tuesday, at 3",x\n',
    );
    expect(line).toEqual({
      line: 2,
      original: ['+12025550100', 'Ada Park', 'America/New_York', '42', 'Tuesday, at 3', 'x'],
      fields: {
        phone: '+12025550100',
        name: 'Ada Park',
        timeZone: 'America/New_York',
        crmId: '42',
        variables: { appointment_date: 'Tuesday, at 3' },
      },
    });
  });

  test.each([
    ['semicolons', 'name;phone\nAda, B.;1\n'],
    ['tabs', 'name\tphone\nAda, B.\t1\n'],
    ['bars', 'name|phone\nAda, B.|1\n'],
    ["Excel's own separator line", 'sep=;\nname;phone\nAda, B.;1\n'],
    ['a byte order mark', '\ufeffname,phone\n"Ada, B.",1\n'],
    ['CRLF', 'name,phone\r\n"Ada, B.",1\r\n'],
    ['CR alone', 'name,phone\r"Ada, B.",1\r'],
    ['no newline at the end', 'name,phone\n"Ada, B.",1'],
    ['blank lines', '\n\nname,phone\n\n,,\n  \n"Ada, B.",1\n\n'],
    ['spaces around', ' name , phone \n "Ada, B." , 1 \n'],
  ])('CSV with %s is read', async (_, content) => {
    const lines = await read(content);
    expect(lines.map((line) => short(line).slice(1))).toEqual([['1', 'Ada, B.']]);
  });

  test('line numbers are those of an editor, over blank lines and line breaks in quotes', async () => {
    const lines = await read('name,phone\n"Ada\nof ""Park""",1\n\nBob,2\n"Cy",3\n');
    expect(lines.map(short)).toEqual([
      [2, '1', 'Ada\nof "Park"'],
      [5, '2', 'Bob'],
      [6, '3', 'Cy'],
    ]);
  });

  test('a forgotten quote costs its own line only', async () => {
    const lines = await read('name,phone\nAda,1\n"Bob,2\nCy,3\n"Di",4\nEd "Ed" Ek,5\n"F" G,6\nHal,7\n');
    expect(lines.map(short)).toEqual([
      [2, '1', 'Ada'],
      [3, expect.stringContaining('quote')],
      [4, '3', 'Cy'],
      [5, '4', 'Di'],
      [6, '5', 'Ed "Ed" Ek'],
      [7, expect.stringContaining('quote')],
      [8, '7', 'Hal'],
    ]);
  });

  test('two forgotten quotes do not make one contact of the lines between', async () => {
    const lines = await read('name,phone\n"Ada,1\nBob,2\nCy,3"\nDi,4\n');
    expect(lines.map((line) => line.line)).toEqual([2, 3, 4, 5]);
    expect(lines.filter((line) => 'fields' in line).map((line) => line.line)).toEqual([3, 4, 5]);
  });

  test('a short line lacks its last columns; a long one is rejected', async () => {
    const lines = await read('phone,name,city\n1,Ada\n2,Bob,Bonn,\n3,Cy,Köln,x\n');
    expect(lines.map(short)).toEqual([
      [2, '1', 'Ada'],
      [3, '2', 'Bob'],
      [4, expect.stringContaining('4 fields, the header 3')],
    ]);
  });

  test.each(['phone', 'Phone Number', 'TEL', 'Mobile', 'Telefon', 'Rufnummer', 'Teléfono'])(
    'a column called %s is the phone column',
    async (header) => {
      expect((await read(`name,${header}\nAda,1\n`)).map(short)).toEqual([[2, '1', 'Ada']]);
    },
  );

  test('without a phone column the columns found are named, and the way out', async () => {
    expect(await refusal('name,e-mail\nAda,a@example.com\n')).toMatch(
      /has no phone column\. Columns found: "name", "e-mail"\. .*--phone-column/,
    );
    expect(await refusal('Ada,+12025550100\nBob,+12025550101\n')).toContain('"+12025550100" looks like a number itself');
    expect((await read('name,hotline\nAda,1\n', { phoneColumn: 'Hotline' })).map(short)).toEqual([[2, '1', 'Ada']]);
    expect(await refusal('name,phone\nAda,1\n', { phoneColumn: 'fax' })).toContain('has no column "fax"');
  });

  test('which of several phone columns is meant must be said, unless one is simply called phone', async () => {
    expect(await refusal('mobile,telefon\n1,2\n')).toContain('several columns that may be the phone number: "mobile", "telefon"');
    expect((await read('mobile,telefon\n1,2\n', { phoneColumn: 'telefon' })).map(short)).toEqual([[2, '2', undefined]]);
    expect((await read('mobile,phone\n1,2\n')).map(short)).toEqual([[2, '2', undefined]]);
  });

  test('columns that texts could not tell apart are refused', async () => {
    expect(await refusal('phone,Visit Date,visit_date\n')).toContain('two columns of one name: "Visit Date" and "visit_date"');
  });

  test('JSON Lines are read, and a bad one stops nothing', async () => {
    const lines = await read(
      [
        '{"phone": 12025550100, "name": "Ada", "vip": true, "note": null}',
        'no json',
        '[1]',
        '{"phone": "2", "tags": ["a"]}',
        '',
        '{"name": "nobody"}',
        '{"Phone": "3", "__proto__": "x", "constructor": "y"}',
      ].join('\n'),
    );
    expect(lines.map(short)).toEqual([
      [1, '12025550100', 'Ada'],
      [2, 'the line is not JSON'],
      [3, 'the line is not a JSON object'],
      [4, expect.stringContaining('"tags" is a list or an object')],
      [6, expect.stringContaining('the line has no phone column')],
      [7, '3', undefined],
    ]);
    expect(lines[0]).toMatchObject({ fields: { variables: { vip: 'true' } } });
    expect(await refusal('[{"phone": 1}]')).toContain('JSON array');
  });

  test('text that arrives byte by byte is the same text', async () => {
    // The first 64 bytes arrive together whatever the pieces; what is looked at comes later.
    const bytes = Buffer.from(`name,phone\r\n${'x'.repeat(60)},0\r\n"Zoë 🦷\r\nMüller",1\r\nÅsa,2\r\n`);
    for (const size of [1, 2, 3, 5]) {
      const lines = await drain({ stdin: pieces(bytes, size) });
      expect(lines.slice(1).map(short)).toEqual([
        [3, '1', 'Zoë 🦷\nMüller'],
        [5, '2', 'Åsa'],
      ]);
    }
  });

  test('UTF-16 with a byte order mark is recognised', async () => {
    const text = '\ufeffname,phone\nZoë,1\n';
    expect((await read(Buffer.from(text, 'utf16le'))).map(short)).toEqual([[2, '1', 'Zoë']]);
    expect((await read(Buffer.from(text, 'utf16le').swap16())).map(short)).toEqual([[2, '1', 'Zoë']]);
    expect(await refusal(Buffer.from(text.slice(1), 'utf16le'))).toContain('--encoding utf-16le');
  });

  test('a file in an old encoding is refused with the place, a guess and the way out, before anything is read from it', async () => {
    const content = Buffer.concat([Buffer.from(`name,phone\n${'Å,1\n'.repeat(50_000)}`), Buffer.from('M\xfcller,2\n', 'latin1')]);
    const path = join(folder, 'latin.csv');
    await writeFile(path, content);
    await expect(openContactFile({ path, stdin: Readable.from([]) })).rejects.toThrow(
      /is not UTF-8: byte 0xFC at offset 250012 \(line 50002\).*Müller.*--encoding windows-1252/,
    );
    const lines = await drain({ path, encoding: 'windows-1252' });
    expect(lines.at(-1)).toMatchObject({ fields: { name: 'Müller' } });
  });

  test('a replacement character that is truly in the file is no error, and a cut-off last character is', async () => {
    expect((await read('name,phone\nA\ufffd,1\n')).map(short)).toEqual([[2, '1', 'A\ufffd']]);
    expect(await refusal(Buffer.concat([Buffer.from('name,phone\n\ufffdA,1\nÅ'), Buffer.from([0xc3])]))).toContain(
      'byte 0xC3 at offset 20 (line 3)',
    );
  });

  test('the place of a wrong byte is right behind a true replacement character', async () => {
    expect(await refusal(Buffer.concat([Buffer.from('name,phone\n\ufffd\ufffd'), Buffer.from([0xe4, 0x41])]))).toContain(
      'byte 0xE4 at offset 17 (line 2)',
    );
  });

  test('other files are told as what they are', async () => {
    expect(await refusal(Buffer.from('PK\x03\x04...'))).toContain('Excel file (.xlsx)');
    expect(await refusal(gzipSync('phone\n1\n'))).toContain('gunzip');
    expect(await refusal('')).toContain('is empty');
    expect(await refusal('\n\n')).toContain('is empty');
    await expect(drain({ path: join(folder, 'absent.csv') })).rejects.toThrow('There is no contact file');
    await expect(drain({ path: folder })).rejects.toThrow('is a folder');
    expect(await refusal('phone\n1\n', { encoding: 'klingon' })).toContain('--encoding "klingon"');
  });

  test('hostile lines are rejected one by one', async () => {
    const lines = await read(
      [
        'phone,name,x',
        `1,${'a'.repeat(1_000_000)}`,
        '2,Ada\0,',
        `3,${'b'.repeat(5_000)},`,
        `4,${','.repeat(10_000)}z`,
        `5,"${'c'.repeat(100_000)}`,
        '6,E\u001bd,',
        '7,Hal,',
      ].join('\n'),
    );
    expect(lines.map(short)).toEqual([
      [2, 'the line is longer than 65536 characters'],
      [3, 'the field "name" holds a control character (U+0000)'],
      [4, 'the field "name" is longer than 4000 characters'],
      [5, expect.stringContaining('10002 fields, the header 3')],
      [6, 'the line is longer than 65536 characters'],
      [7, 'the field "name" holds a control character (U+001B)'],
      [8, '7', 'Hal'],
    ]);
    expect(lines[0]?.original[0]?.length).toBeLessThanOrEqual(1_000);
    expect(await refusal(`phone${',x'.repeat(10_000)}\n`)).toContain('10001 columns');
  });

  test('a column named like an inherited property is only a column', async () => {
    const [line] = await read('phone,__proto__,constructor\n1,a,b\n');
    const variables = line && 'fields' in line ? line.fields.variables : {};
    expect(Object.entries(variables)).toEqual([
      ['proto', 'a'],
      ['constructor', 'b'],
    ]);
  });
});
