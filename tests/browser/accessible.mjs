// axe finds nothing, in either mode, before and after the page is used.

import { check, end, isAccessible, open } from './harness.mjs';

for (const dark of [false, true]) {
  await check(`axe finds nothing: ${dark ? 'dark' : 'light'}`, async () => {
    const page = await open({ dark });
    await isAccessible(page, 'as it opens');
    await page.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
    await page.locator('input[name=calendar][value=failures]').check();
    await page.locator('#zoom-in').click();
    await page.locator('.lane').first().focus();
    await page.locator('#filter-text').fill('reboot');
    await page.locator('#actions thead button').first().click();
    await isAccessible(page, 'after it was used');
  });
}

await check('axe finds nothing on a narrow screen', async () => isAccessible(await open({ width: 360 })));

await check('axe finds nothing without the script', async () => {
  // axe is a script itself, so the page is shown without its own.
  const still = await open({ script: false });
  const page = await open();
  await page.setContent((await still.content()).replace(/<script[^>]*>[^]*?<\/script>/g, ''));
  await isAccessible(page);
});

await end();
