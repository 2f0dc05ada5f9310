// A real OpenID provider on a loopback port: node provider.mjs PORT. Each line on its input is a set of private keys
// (JWKS) that it signs with from then on; it answers each with a line when it does.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
let serve;
let keysAsked = 0;

const machine = (client_id) => ({
  client_id,
  client_secret: 'of-a-test',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
});

const provider = (jwks) =>
  new Provider(issuer, {
    jwks,
    clients: ['surveillance', 'workshop', 'stranger'].map(machine),
    scopes: ['read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // https://passport.example/ES256: made for https://passport.example, signed by ES256
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'read',
          audience: new URL(resource).origin,
          accessTokenTTL: 2 * 3600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: new URL(resource).pathname.slice(1) } },
        }),
      },
    },
    extraTokenClaims: (_ctx, token) => (token.clientId === 'workshop' ? { groups: ['fitters', 'second-life'] } : {}),
  }).callback();

createServer((request, response) => {
  if (request.url === '/asked') return response.end(String(keysAsked));
  if (request.url === '/jwks') keysAsked += 1;
  return serve(request, response);
}).listen(port, '127.0.0.1', () => {
  createInterface({ input: process.stdin }).on('line', (line) => {
    serve = provider(JSON.parse(line));
    console.log('serving');
  });
});
