// The page opens from the disk, in each mode and width, and asks nobody for anything.

import { check, end, isLaidOut, isQuiet, open, screenshot } from './harness.mjs';

for (const dark of [false, true]) {
  for (const width of [360, 768, 1280, 2560]) {
    const name = `${dark ? 'dark' : 'light'}-${width}`;
    await check(`nothing is cut, covered or loaded: ${name}`, async () => {
      const page = await open({ width, dark });
      await screenshot(page, name);
      isQuiet(page);
      await isLaidOut(page);
      await page.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
      await isLaidOut(page, 'with the tables of the charts');
    });
  }
}
await end();
