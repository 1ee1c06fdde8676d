"""Sphinx's configuration."""

from __future__ import annotations

project = 'vpmem_harness'
copyright = 'the vpmem_harness contributors'

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'reno.sphinxext',
    'sphinx.ext.autodoc',
    'sphinx.ext.viewcode',
]

html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_pdf_link = False
# The project is not one of OpenStack's own: no bug tracker or repository of theirs is linked.
openstackdocs_use_storyboard = False
html_theme_options = {'display_badge': False, 'display_toc': True}

master_doc = 'index'
pygments_style = 'native'
autodoc_typehints = 'description'
autodoc_member_order = 'bysource'
add_module_names = False
nitpicky = False
