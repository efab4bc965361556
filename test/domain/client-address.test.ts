import { originOf } from '../../src/domain/client-address.js';

const ours = ['10.0.0.0/8', 'fd00::/8'];

describe('the origin of a request', () => {
  it.each([
    ['is the peer where no proxy is trusted', [], '203.0.113.9', '198.51.100.1', 'https', '203.0.113.9', false],
    ['is the peer where that is no proxy of ours', ours, '203.0.113.9', '198.51.100.1', 'https', '203.0.113.9', false],
    ['is what a trusted proxy saw', ours, '10.0.0.1', '198.51.100.1', 'https', '198.51.100.1', true],
    ['is the nearest stranger, whatever he wrote further left', ours, '10.0.0.1', '127.0.0.1, 198.51.100.1', 'http', '198.51.100.1', false],
    ['is read through several proxies', ours, '10.0.0.1', '198.51.100.1, 10.9.9.9, fd00::7', undefined, '198.51.100.1', false],
    ['is a proxy itself where nobody stands behind it', ours, '10.0.0.1', undefined, 'https', '10.0.0.1', true],
    ['stops at what is no address', ours, '10.0.0.1', '198.51.100.1, unknown, 10.0.0.2', 'https', '10.0.0.2', true],
    ['takes the protocol of the nearest proxy', ours, '10.0.0.1', '198.51.100.1', 'https, http', '198.51.100.1', false],
    ['knows IPv4 in its IPv6 form', ours, '::ffff:10.0.0.1', '2001:db8::5', 'https', '2001:db8::5', true],
  ] as const)('%s', (_, trusted, peer, forwardedFor, forwardedProto, ip, secureTransport) => {
    expect(originOf({ peer, forwardedFor, forwardedProto }, trusted)).toEqual({ ip, secureTransport });
  });

  it('does not read endless chains', () => {
    const chain = Array.from({ length: 10_000 }, () => '10.0.0.2').join(', ');
    expect(originOf({ peer: '10.0.0.1', forwardedFor: chain, forwardedProto: undefined }, ours).ip).toBe('10.0.0.2');
  });
});
