// Bundles the pages of src/ into ../static/dist under names that carry their content's hash, so that a browser may
// keep them for ever, and writes manifest.json: {"designer.js": "designer-<hash>.js", "designer.css": ..., ...}.
import * as esbuild from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const dist = path.join(here, '../static/dist');

// The properties panel registers providers of two engines that are not ours. These statements are all that keeps
// their 350 KB in the bundle. Should a new release word them differently, the build says so.
const foreignProviders = ['ZeebePropertiesProvider', 'CamundaPlatformPropertiesProvider'];
const dropForeignProviders = {
  name: 'drop-foreign-providers',
  setup(build) {
    build.onLoad({ filter: /bpmn-js-properties-panel[\\/]dist[\\/]index\.esm\.js$/ }, ({ path: file }) => {
      let contents = fs.readFileSync(file, 'utf8');
      for (const provider of foreignProviders) {
        const statement = `${provider}.$inject = ['propertiesPanel', 'injector'];`;
        if (!contents.includes(statement)) return { errors: [{ text: `no longer there: ${statement}` }] };
        contents = contents.replace(statement, '');
      }
      return { contents, loader: 'js' };
    });
  },
};

const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: ['app.css', 'inbox.js', 'viewer.js', 'designer.js'].map((name) => `src/${name}`),
  outdir: dist,
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'iife',
  charset: 'utf8',
  target: 'chrome90', // the oldest Chromium that office desktops' browsers are built on
  loader: { '.woff2': 'file', '.woff': 'empty' },
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'linked',
  logLevel: 'warning',
  plugins: [dropForeignProviders],
});

const manifest = {};
for (const [file, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint) continue;
  manifest[path.basename(output.entryPoint)] = path.basename(file);
  if (output.cssBundle) {
    manifest[path.basename(output.entryPoint, '.js') + '.css'] = path.basename(output.cssBundle);
  }
}

fs.rmSync(dist, { recursive: true, force: true });
fs.mkdirSync(dist, { recursive: true });
for (const file of result.outputFiles) fs.writeFileSync(file.path, file.contents);
fs.writeFileSync(path.join(dist, 'manifest.json'), JSON.stringify(manifest, Object.keys(manifest).sort(), 1) + '\n');
for (const name of Object.values(manifest).sort()) {
  console.log(name.padEnd(28), `${Math.round(fs.statSync(path.join(dist, name)).size / 1024)} KB`);
}
