"""A report in a real browser: Chromium without a window."""

from __future__ import annotations

import functools
import html
import json
import pathlib
import re
import shutil
import subprocess
import unittest
from typing import Any

from fixtures import TempDir

from tests import base
from vpmem_harness import report
from vpmem_harness.fixtures import CloudFixture

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))),
                None)

#: The widths of a desktop and of a phone, in pixels.
DESKTOP, PHONE = 1280, 390

#: Shows the page in frames of both widths, works with it as a user does, and measures.
SCRIPT = '''
window.onload = () => {
  const found = {};
  for (const width of WIDTHS) {
    const frame = document.getElementById('frame' + width), page = frame.contentDocument;
    const at = selector => page.querySelector(selector).getBoundingClientRect();
    const hidden = selector => getComputedStyle(page.querySelector(selector)).display === 'none';
    const before = [hidden('li.read'), hidden('li.call')];
    page.getElementById('show-read').click();
    page.getElementById('show-call').click();
    const after = [hidden('li.read'), hidden('li.call')];
    page.querySelector('li.request details').open = true;
    const regions = [...page.querySelectorAll('svg.map')];
    found[width] = {
      overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
      loaded: frame.contentWindow.performance.getEntriesByType('resource').map(one => one.name),
      filters: [before, after],
      figures: [at('figure.before').top, at('figure.after').top],
      details: at('li.request pre').height,
      maps: regions.map(one => one.clientWidth),
      shares: [...page.querySelectorAll('figure.after svg[data-holder="server1"]')].map(
        one => one.querySelector('rect').getBoundingClientRect().width),
      colors: [...page.querySelectorAll('figure.after svg[data-namespace] > rect:first-of-type')]
        .map(one => getComputedStyle(one).fill),
      smallest: Math.min(...[...page.querySelectorAll('p, td, span, text, pre')].map(
        one => parseFloat(getComputedStyle(one).fontSize))),
      back: getComputedStyle(page.body).backgroundColor,
    };
  }
  document.body.innerHTML = '';
  const shown = document.createElement('pre');
  shown.id = 'found';
  shown.textContent = JSON.stringify(found);
  document.body.append(shown);
};
'''


@functools.cache
def measured(page: str, *options: str) -> dict[str, Any]:
    """Show a page at both widths, and return what the script measured."""
    frames = ''.join(
        f'<iframe id="frame{width}" style="width:{width}px;height:900px;border:0" '
        f'srcdoc="{html.escape(page)}"></iframe>' for width in (DESKTOP, PHONE))
    with TempDir() as directory:
        file = pathlib.Path(directory.path, 'frames.html')
        script = SCRIPT.replace('WIDTHS', json.dumps([DESKTOP, PHONE]))
        file.write_text(f'<!DOCTYPE html><script>{script}</script><body>{frames}')
        done = subprocess.run(
            [str(CHROMIUM), '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
             '--disable-background-networking', '--disable-dev-shm-usage',
             f'--user-data-dir={directory.path}/profile', '--window-size=1400,1000', *options,
             '--dump-dom', file.as_uri()],
            capture_output=True, text=True, check=False, timeout=120)
    result = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    if result is None:
        raise AssertionError(f'the browser measured nothing: {done.stdout[-2000:]}{done.stderr}')
    found: dict[str, Any] = json.loads(html.unescape(result[1]))
    return found


@functools.cache
def page() -> str:
    """A report about a cloud with servers and with data that somebody has left."""
    with CloudFixture(hosts=2, pmem='SMALL:2x4GiB,LARGE:1x16GiB', backend='stub', seed=1) as cloud:
        cloud.boot(pmem='SMALL,LARGE', host=cloud.hosts[0])
        cloud.boot(pmem='SMALL', host=cloud.hosts[0])
        cloud.boot(pmem='SMALL,SMALL,SMALL', expect='ERROR')
        cloud.hosts[1].pmem.write(cloud.hosts[1].namespaces[0].path, 'somebody')
        cloud.hosts[1].reboot()
        return report.page(report.collect(clouds=[cloud], title='a test', failure='x' * 500))


@unittest.skipUnless(CHROMIUM, 'chromium is not installed')
class BrowserTest(base.TestCase):

    def both(self, *options: str) -> list[dict[str, Any]]:
        found = measured(page(), *options)
        return [found[str(width)] for width in (DESKTOP, PHONE)]

    def test_nothing_is_loaded(self) -> None:
        """The browser loads nothing besides the page."""
        self.assertEqual([[], []], [one['loaded'] for one in self.both()])

    def test_the_page_fits(self) -> None:
        """The page is not wider than the window, on a desktop and on a phone."""
        self.assertEqual([0, 0], [one['overflow'] for one in self.both()])

    def test_before_and_after(self) -> None:
        """The maps stand side by side on a desktop and below each other on a phone."""
        desktop, phone = self.both()
        self.assertEqual(*desktop['figures'])
        self.assertTrue(phone['figures'][0] < phone['figures'][1])

    def test_the_filters(self) -> None:
        """Reads are hidden at first; the boxes show and hide the events of a kind."""
        for one in self.both():
            self.assertEqual([[True, False], [False, True]], one['filters'])

    def test_details(self) -> None:
        """The details of an event can be opened."""
        for one in self.both():
            self.assertTrue(one['details'] > 0)

    def test_the_maps_have_their_scale(self) -> None:
        """A namespace takes its share of the region's bar."""
        for one in self.both():
            shares = sorted(round(share / one['maps'][0], 2) for share in one['shares'])
            self.assertEqual([0.25, 1.0], shares)

    def test_the_colors_of_holders(self) -> None:
        """Namespaces of one holder have one color, those of another holder another one."""
        for one in self.both():
            held = [color for color in one['colors'] if color != one['back']]
            self.assertEqual((3, 2), (len(held), len(set(held))))

    def test_the_text_is_large_enough(self) -> None:
        """No text is smaller than 11 pixels."""
        for one in self.both():
            self.assertTrue(one['smallest'] >= 11, one['smallest'])

    def test_a_dark_desktop(self) -> None:
        """The page follows the colors that the user prefers."""
        light, dark = self.both()[0], self.both('--force-dark-mode')[0]
        self.assertEqual('rgb(255, 255, 255)', light['back'])
        self.assertNotEqual(light['back'], dark['back'])
