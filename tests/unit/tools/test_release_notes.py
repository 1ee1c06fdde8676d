"""Headings of the release notes page."""

from __future__ import annotations

import importlib.metadata

import testtools

from tools.release_notes import Notes

VERSION = importlib.metadata.version('vpmem-harness')


class Found(dict):
    """Result of reno: notes by version, newest first."""

    @property
    def versions(self):
        return list(self)


class NotesTest(testtools.TestCase):

    def test_before_the_first_tag(self):
        """Notes without any tag belong to the package's version, which is unreleased."""
        notes = Notes(Found({'0.0.0': [('a.yaml', 'commit')]}))
        self.assertEqual([f'{VERSION} (not released yet)'], notes.versions)

    def test_after_a_tag_of_another_version(self):
        """Notes after a tag come first, and the tagged ones keep their version."""
        notes = Notes(Found({'0.0.1-5': [('b.yaml', 'commit')], '0.0.1': [('a.yaml', 'commit')]}))
        self.assertEqual([f'{VERSION} (not released yet)', '0.0.1'], notes.versions)
        self.assertEqual([('a.yaml', 'commit')], notes['0.0.1'])

    def test_after_the_tag_of_this_version(self):
        """Notes after the tag of the package's version belong to no version."""
        notes = Notes(Found({f'{VERSION}-5': [('b.yaml', 'commit')], VERSION: []}))
        self.assertEqual(['Unreleased', VERSION], notes.versions)

    def test_uncommitted_notes(self):
        """Uncommitted notes share a heading with the committed notes that no tag covers."""
        notes = Notes(Found({'*working-copy*': [('b.yaml', None)],
                             '0.0.0': [('a.yaml', 'commit')]}))
        self.assertEqual([('b.yaml', None), ('a.yaml', 'commit')], notes[notes.versions[0]])

    def test_without_unreleased_notes(self):
        """There is no heading for unreleased notes if all notes are released."""
        self.assertEqual([VERSION], Notes(Found({VERSION: []})).versions)
