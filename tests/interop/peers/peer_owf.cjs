// @owf/mdoc: issues an mdoc, answers with a DeviceResponse, verifies one. `transcript` is SessionTranscriptBytes.
//
// The package brings no cryptography: its caller hands in a context. The one here is made of node:crypto alone, so
// that what these tests say of signatures, MACs and certificate paths is said of the bytes that the package gives it.
"use strict";

const crypto = require("node:crypto");
const { createRequire } = require("node:module");
const { serve, bytes, hex, plain } = require("./serve.cjs");

const [folder, now] = process.argv.slice(2);
const clock = new Date(Number(now) * 1000);
const entry = createRequire(`${folder}/`).resolve("@owf/mdoc/package.json").replace("package.json", "dist/index.mjs");
const at = (seconds) => new Date(seconds * 1000);
const HASHES = { ES256: "sha256", ES384: "sha384", ES512: "sha512", "-7": "sha256", "-35": "sha384", "-36": "sha512" };
const raw = (key) => ({ key, dsaEncoding: "ieee-p1363" });
const certificateOf = (der) => new crypto.X509Certificate(der);
const attribute = (name, field) => name.split("\n").filter((line) => line.startsWith(`${field}=`)).map((line) => line.slice(field.length + 1));

// Of the names in RFC 7518 section 6.2.1.1 the package knows P-256 as it is, and the other two as p-384 and p-521.
const theirs = (jwk) => ({ ...jwk, crv: jwk.crv.replace(/^P-(384|521)$/, "p-$1") });

function jwkOf(key) {
  const { kty, crv, x, y, d } = key.jwk;
  return { kty, crv: crv.replace("p-", "P-"), x, ...(y && { y }), ...(d && { d }) };
}

// Of a private and a public key the package gives the raw bytes where it verifies, and COSE_Keys where it creates.
function agree(mdoc, privateKey, publicKey) {
  const ecdh = crypto.createECDH("prime256v1");
  const [secret, point] = [privateKey, publicKey].map((key) => (key[0] >> 5 === 5 ? mdoc.CoseKey.decode(key) : key));
  ecdh.setPrivateKey(secret instanceof Uint8Array ? secret : secret.privateKey);
  return ecdh.computeSecret(point instanceof Uint8Array ? point : point.publicKey);
}

function contextOf(mdoc) {
  const hmac = (key, data) => new Uint8Array(crypto.createHmac("sha256", key.privateKey).update(data).digest());
  return {
    crypto: {
      random: (length) => new Uint8Array(crypto.randomBytes(length)),
      digest: ({ digestAlgorithm, bytes: data }) =>
        new Uint8Array(crypto.createHash(digestAlgorithm.replace("-", "")).update(data).digest()),
      calculateEphemeralMacKey: ({ privateKey, publicKey, sessionTranscriptBytes, info }) => {
        const salt = crypto.createHash("sha256").update(sessionTranscriptBytes).digest();
        const k = new Uint8Array(crypto.hkdfSync("sha256", agree(mdoc, privateKey, publicKey), salt, info, 32));
        return mdoc.CoseKey.create({ keyType: mdoc.KeyType.Oct, k });
      },
    },
    cose: {
      sign1: {
        sign: ({ toBeSigned, key, algorithm }) =>
          new Uint8Array(crypto.sign(HASHES[algorithm] ?? null, toBeSigned, raw(crypto.createPrivateKey({ key: jwkOf(key), format: "jwk" })))),
        verify: ({ key, sign1 }) =>
          crypto.verify(HASHES[sign1.signatureAlgorithmName] ?? null, sign1.toBeSigned, raw(crypto.createPublicKey({ key: jwkOf(key), format: "jwk" })), sign1.signature),
      },
      mac0: {
        sign: ({ key, toBeAuthenticated }) => hmac(key, toBeAuthenticated),
        verify: ({ mac0, key }) => crypto.timingSafeEqual(hmac(key, mac0.toBeAuthenticated), mac0.tag),
      },
    },
    x509: {
      getIssuerNameField: ({ certificate, field }) => attribute(certificateOf(certificate).issuer, field),
      getPublicKey: ({ certificate }) => mdoc.CoseKey.fromJwk(theirs(certificateOf(certificate).publicKey.export({ format: "jwk" }))),
      verifyCertificateChain: ({ trustedCertificates, x5chain, now: moment }) => {
        const leaf = certificateOf(x5chain[0]);
        const trusted = trustedCertificates.map(certificateOf).find((root) => leaf.checkIssued(root) && leaf.verify(root.publicKey));
        if (!trusted) throw new Error("no trusted certificate issued this one");
        if (moment < new Date(leaf.validFrom) || moment > new Date(leaf.validTo)) throw new Error("the certificate is not valid now");
      },
      getCertificateData: ({ certificate }) => {
        const { issuer, subject, serialNumber, fingerprint256, validFrom, validTo } = certificateOf(certificate);
        return { issuerName: issuer, subjectName: subject, serialNumber, thumbprint: fingerprint256, notBefore: new Date(validFrom), notAfter: new Date(validTo) };
      },
    },
  };
}

async function main() {
  const mdoc = await import(entry);
  const context = contextOf(mdoc);
  const keyOf = (jwk) => jwk && mdoc.CoseKey.fromJwk(theirs(jwk));

  // The package's own transcript of a protocol, or the bytes of one made elsewhere.
  const transcriptOf = ({ transcript, handover }) =>
    handover ? mdoc.SessionTranscript[handover[0]]({ ...handover[1], jwkThumbprint: handover[2] && bytes(handover[2]) }, context) : mdoc.SessionTranscript.decode(bytes(transcript));

  async function issue({ type, claims, certificate, key, deviceKey, validity, alg, digest }) {
    const issuer = new mdoc.Issuer(type, context);
    for (const [name, elements] of Object.entries(claims)) issuer.addIssuerNamespace(name, elements);
    const [signed, validFrom, validUntil] = validity.map(at);
    const made = await issuer.sign({
      signingKey: keyOf(key),
      algorithm: mdoc.SignatureAlgorithm[alg],
      digestAlgorithm: digest,
      validityInfo: { signed, validFrom, validUntil },
      deviceKeyInfo: { deviceKey: mdoc.DeviceKey.fromJwk(theirs(deviceKey)) },
      certificates: [bytes(certificate)],
    });
    return hex(made.encode());
  }

  async function present({ mdoc: credential, type, disclose, key, alg, transcript, handover, readerKey }) {
    const namespaces = {};
    for (const [name, element] of disclose) (namespaces[name] ??= {})[element] = false;
    const itemsRequest = mdoc.ItemsRequest.create({ docType: type, namespaces });
    const signingKey = keyOf({ ...key, alg: readerKey ? "HS256" : alg });
    const response = await mdoc.Holder.createDeviceResponseForDeviceRequest(
      {
        deviceRequest: mdoc.DeviceRequest.create({ docRequests: [mdoc.DocRequest.create({ itemsRequest })] }),
        sessionTranscript: await transcriptOf({ transcript, handover }),
        issuerSigned: [mdoc.IssuerSigned.decode(bytes(credential))],
        ...(readerKey ? { mac: { ephemeralKey: keyOf(readerKey), signingKey } } : { signature: { signingKey } }),
      },
      context,
    );
    return hex(response.encode());
  }

  async function verify({ response, roots, transcript, handover, readerKey }) {
    const trustedCertificates = roots.map((pem) => new Uint8Array(certificateOf(pem).raw));
    const opened = mdoc.DeviceResponse.decode(bytes(response));
    const sessionTranscript = await transcriptOf({ transcript, handover });
    const options = { deviceResponse: opened, sessionTranscript, ephemeralReaderKey: keyOf(readerKey), trustedCertificates, now: clock };
    await mdoc.Verifier.verifyDeviceResponse(options, context);
    return opened.documents.map((document) => ({
      type: document.docType,
      claims: Object.fromEntries(
        [...document.issuerSigned.issuerNamespaces.issuerNamespaces].map(([name, items]) => [
          name,
          Object.fromEntries(items.map((item) => [item.elementIdentifier, plain(item.elementValue)])),
        ]),
      ),
    }));
  }

  const sessionTranscript = async (request) => hex((await transcriptOf(request)).encode());
  await serve({ issue, present, verify, sessionTranscript });
}

main();
