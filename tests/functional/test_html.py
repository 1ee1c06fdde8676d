"""The built documentation stands alone, and every page of it can be used.

``./dev docs`` runs these tests on the documentation that it has built. Where there is none that is
up to date, they are skipped.
"""

from __future__ import annotations

import pathlib
import re
import urllib.parse
from collections.abc import Iterator

import testtools
from lxml import html

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = ROOT / 'doc' / 'source'
BUILT = ROOT / 'doc' / 'build' / 'html'

#: Attributes from which a browser loads something, or to which it sends something.
LOADING = ('src', 'srcset', 'data', 'poster', 'action', 'formaction', 'background', 'manifest')

#: What a style sheet loads.
_STYLE = re.compile(r'url\(\s*["\']?([^"\')\s]+)|@import\s+["\']([^"\']+)')

#: Addresses in a script that are names and not requests: of a namespace, and in comments.
_NAMES = re.compile(r'http://www\.w3\.org/|^\s*(?://|\*|/\*).*$', re.MULTILINE)


def newest(folder: pathlib.Path) -> float:
    """When the sources of the documentation last changed."""
    return max(path.stat().st_mtime for path in folder.rglob('*')
               if path.is_file() and '__pycache__' not in path.parts
               and path.suffix != '.sample')


def foreign(address: str) -> bool:
    """Whether an address leads to another host."""
    parts = urllib.parse.urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ('', 'data')


def loaded(page: html.HtmlElement) -> Iterator[str]:
    """The addresses that a browser asks for when it shows a page."""
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        yield from (element.get(name) for name in LOADING if element.get(name) is not None)
        if element.tag == 'link':
            yield element.get('href', '')
        for style in (element.get('style', ''), element.text if element.tag == 'style' else ''):
            yield from (one or other for one, other in _STYLE.findall(style or ''))


class HTMLTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        if not (BUILT / 'searchindex.js').exists():
            self.skipTest('doc/build/html is not there: run ./dev docs')
        if newest(SOURCE) > (BUILT / 'searchindex.js').stat().st_mtime:
            self.skipTest('doc/build/html is older than doc/source: run ./dev docs')
        self.pages = {path.relative_to(BUILT).as_posix(): html.parse(str(path)).getroot()
                      for path in BUILT.rglob('*.html')}

    def test_nothing_comes_from_another_host(self):
        """No page loads a script, a style, a font, an image or a form from another host."""
        found = {(name, address) for name, page in self.pages.items()
                 for address in loaded(page) if foreign(address)}
        self.assertEqual(set(), found)

    def test_styles_and_scripts_ask_no_other_host(self):
        """No style sheet and no script names an address of another host."""
        for path in BUILT.rglob('*.css'):
            addresses = [one or other for one, other in _STYLE.findall(path.read_text())]
            self.assertEqual([], [one for one in addresses if foreign(one)], path.name)
        for path in (BUILT / '_static').rglob('*.js'):
            text = _NAMES.sub('', path.read_text())
            self.assertEqual([], re.findall(r'["\'`](?:https?:)?//[\w.-]+', text), path.name)

    def test_every_page_has_a_search_box(self):
        """Each page has a field for a search, which leads to the page of results."""
        for name, page in self.pages.items():
            fields = page.xpath('//form[@role="search"]//input[@name="q"]')
            self.assertEqual(1, len(fields), name)
            action = fields[0].getparent().get('action').rstrip('#')
            results = (BUILT / name).parent / (action or pathlib.Path(name).name)
            self.assertEqual(BUILT / 'search.html', results.resolve(), name)

    def test_every_page_names_the_license(self):
        """Each page has the project's own license in its footer, and no other."""
        for name, page in self.pages.items():
            text = ' '.join(page.xpath('//footer')[0].text_content().split())
            self.assertIn('Apache License 2.0', text, name)
            self.assertNotIn('Creative Commons', text, name)

    def test_links_within_the_pages_lead_somewhere(self):
        """Each link to another page, and to a place in it, has its target."""
        places = {name: set(page.xpath('//@id')) for name, page in self.pages.items()}
        missing = set()
        for name, page in self.pages.items():
            for target in page.xpath('//article//a/@href'):
                parts = urllib.parse.urlsplit(target)
                if parts.scheme or parts.netloc:
                    continue
                path = (BUILT / name).parent / (parts.path or pathlib.Path(name).name)
                path = path.resolve()
                other = path.relative_to(BUILT).as_posix()
                if not path.exists() or (
                        parts.fragment and other in places
                        and urllib.parse.unquote(parts.fragment) not in places[other]):
                    missing.add((name, target))
        self.assertEqual(set(), missing)

    def test_release_notes_have_the_version_of_the_package(self):
        """Notes that no tag covers are not headed with reno's 0.0.0."""
        headings = [each.text_content() for each in self.pages['releasenotes.html'].iter('h2')]
        self.assertNotEqual([], headings)
        self.assertNotIn('0.0.0', ''.join(headings))

    def test_every_entry_of_the_reference_has_a_description(self):
        """Each class, attribute and method is described; Nova's states are named for themselves."""
        bare = {entry.get('id') for name, page in self.pages.items()
                if name.startswith('reference/')
                for entry in page.xpath('//dl[contains(@class, "py")]/dt')
                if entry.getnext() is not None and not entry.getnext().text_content().strip()}
        self.assertEqual(set(), {one for one in bare if '.cloud.states.' not in one})

    def test_pictures_say_what_they_show(self):
        """Each picture is text in the page, has a description, and takes the theme's colors."""
        pictures = [picture for page in self.pages.values()
                    for picture in page.xpath('//div[@class="diagram"]/svg')]
        self.assertGreater(len(pictures), 3)
        for picture in pictures:
            self.assertNotEqual('', picture.xpath('string(title)'))
            self.assertNotIn('#', ''.join(picture.xpath('.//@fill | .//@stroke')))
