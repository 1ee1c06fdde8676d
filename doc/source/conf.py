"""Configuration of the Sphinx build."""

from __future__ import annotations

import importlib.metadata
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE / '_ext'), str(HERE.parents[1])]

project = 'vpmem_harness'
copyright = 'the vpmem_harness contributors'
release = version = importlib.metadata.version('vpmem-harness')

extensions = [
    'attributes',
    'command_help',
    'diagrams',
    'release_notes',
    'simulated_host',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'sphinx.ext.autodoc',
    'sphinx.ext.viewcode',
]

html_theme = 'furo'
html_title = f'{project} {release}'
html_static_path = ['_static']
html_css_files = ['diagrams.css', 'pages.css']
templates_path = ['_templates']
html_copy_source = False
# A search box on every page. Furo's other sections of the sidebar show advertisements and versions
# of a documentation host; this project has neither.
html_sidebars = {'**': [
    'sidebar/brand.html', 'sidebar/search.html', 'sidebar/scroll-start.html',
    'sidebar/navigation.html', 'sidebar/scroll-end.html']}
pygments_style = 'a11y-high-contrast-light'
pygments_dark_style = 'a11y-high-contrast-dark'

# A block without a language is plain text; tests/functional/test_documentation.py executes the
# blocks that name one.
highlight_language = 'none'
autodoc_typehints = 'signature'
autodoc_member_order = 'bysource'
python_maximum_signature_line_length = 80
add_module_names = False
nitpicky = False

# The sample configuration file is generated from the options.
config_generator_config_file = [('config-generator.conf', '_static/vpmem_harness')]
