"""Each credential and each host of a URI is hidden where it stands."""

from __future__ import annotations

import testtools

from vpmem_harness.safelog import uris


class UrisTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.passwords: list[str] = []

    def redact(self, text: str) -> str:
        def met(password: str) -> None:
            self.passwords.append(password)

        return uris.URI.sub(lambda found: uris.redact(found[0], 'H({})'.format, met), text)

    def assertShown(self, expected: str, text: str) -> None:
        self.assertEqual(expected, self.redact(text))

    def test_one_host(self):
        """With and without credentials, port, path and query."""
        self.assertShown('http://H(a)', 'http://a')
        self.assertShown('x://***@H(a):1/p?q=1', 'x://u@a:1/p?q=1')
        self.assertShown('x://***:***@H(a.b)/p', 'x://u:p@a.b/p')
        self.assertShown('qemu:///system', 'qemu:///system')

    def test_several_hosts(self):
        """Each has its place, as in oslo.messaging's transport_url."""
        self.assertShown('rabbit://***:***@H(a):1,***:***@H(b):2/v', 'rabbit://u:p@a:1,u:q@b:2/v')
        self.assertShown('rabbit://***:***@H(a),***:***@H(b),***:***@H(c)',
                         'rabbit://u:p@a,u:q@b,u:r@c')
        self.assertShown('x://***:***@H(a):1,H(b):2/v', 'x://u:p@a:1,b:2/v')
        self.assertShown('x://H(a):1,H(b):2/', 'x://a:1,b:2/')
        self.assertEqual(['p', 'q', 'p', 'q', 'r', 'p'], self.passwords)

    def test_passwords_that_should_have_been_escaped(self):
        """What may be part of a password is part of it."""
        for password in ('a@b', 'a/b', 'a:b', 'a,b', 'a,b@c', '1,a', '@', 'a?b#c', 'a&b=c'):
            with self.subTest(password):
                self.passwords.clear()
                self.assertShown('x://***:***@H(h):1/v', f'x://u:{password}@h:1/v')
                self.assertEqual([password], self.passwords)

    def test_several_uris(self):
        """One after a comma, or in the query of another."""
        self.assertShown('x://***:***@H(a)/p,y://***:***@H(b)/q', 'x://u:p@a/p,y://u:q@b/q')
        self.assertShown('x://H(a)/?to=y://***:***@H(b)', 'x://a/?to=y://u:q@b')

    def test_what_follows_is_no_host(self):
        """An option or a word behind a comma."""
        self.assertShown('x://H(a):1,timeout=5', 'x://a:1,timeout=5')
        self.assertShown('x://H(a):1, then b', 'x://a:1, then b')
