// The page as paper: a few sheets that say what the screen says.

import { spawnSync } from 'node:child_process';
import { assert, check, end, figure, isLaidOut, open } from './harness.mjs';

await check('a print has its pages and its figures', async () => {
  const page = await open();
  const actions = await figure(page, 'actions');
  const path = `${process.env.SCREENSHOTS}/print.pdf`;
  const pdf = await page.pdf({ path, format: 'A4', printBackground: true });
  const pages = pdf.toString('latin1').split(/\/Type\s*\/Page\b(?!s)/).length - 1;
  assert.ok(pages >= 2 && pages <= 25, `${pages} pages, some of them probably empty`);
  const { stdout } = spawnSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' });
  await page.emulateMedia({ media: 'print' });
  await page.setViewportSize({ width: 718, height: 1000 });
  const text = stdout ?? (await page.locator('body').innerText());
  for (const wanted of [actions.toLocaleString('en'), ...(await page.locator('h2:visible').allInnerTexts())]) {
    assert.ok(text.includes(wanted), `the print has no "${wanted}"`);
  }
  await isLaidOut(page);
  const controls = await page.locator('button:visible, select:visible, input:visible:not([name=calendar])').count();
  assert.equal(controls, 0, 'no control is printed');
});

await end();
