// @auth0/mdl: issues an mdoc, answers with a DeviceResponse, verifies one. `transcript` is SessionTranscriptBytes.
"use strict";

const { createRequire } = require("node:module");
const { serve, stopClock, bytes, hex, plain } = require("./serve.cjs");

const [folder, now] = process.argv.slice(2);
stopClock(Number(now)); // before the package is loaded: it makes classes of its own from Date
const mdl = createRequire(`${folder}/`)("@auth0/mdl");
const { COSEKeyFromJWK } = createRequire(`${folder}/`)("cose-kit");

const at = (seconds) => new Date(seconds * 1000);

async function issue({ type, claims, certificate, key, deviceKey, validity, alg, digest }) {
  const document = new mdl.Document(type);
  for (const [name, elements] of Object.entries(claims)) document.addIssuerNameSpace(name, elements);
  const [signed, validFrom, validUntil] = validity.map(at);
  const made = await document
    .useDigestAlgorithm(digest)
    .addValidityInfo({ signed, validFrom, validUntil })
    .addDeviceKeyInfo({ deviceKey })
    .sign({ issuerPrivateKey: key, issuerCertificate: bytes(certificate), alg });
  return hex(new mdl.MDoc([made]).encode());
}

async function present({ mdoc, type, disclose, key, alg, transcript, handover, readerKey }) {
  const response = mdl.DeviceResponse.from(bytes(mdoc)).usingPresentationDefinition({
    id: "all",
    input_descriptors: [
      {
        id: type,
        format: { mso_mdoc: { alg: ["ES256"] } },
        constraints: {
          limit_disclosure: "required",
          fields: disclose.map(([name, element]) => ({ path: [`$['${name}']['${element}']`], intent_to_retain: false })),
        },
      },
    ],
  });
  if (handover) response.usingSessionTranscriptForOID4VP(...handover);
  else response.usingSessionTranscriptBytes(bytes(transcript));
  if (readerKey) response.authenticateWithMAC(key, COSEKeyFromJWK(readerKey), "HS256");
  else response.authenticateWithSignature(key, alg);
  return hex((await response.sign()).encode());
}

async function verify({ response, roots, transcript, readerKey }) {
  const verified = await new mdl.Verifier(roots).verify(bytes(response), {
    encodedSessionTranscript: bytes(transcript),
    ephemeralReaderKey: readerKey && COSEKeyFromJWK(readerKey),
  });
  return verified.documents.map((document) => ({
    type: document.docType,
    claims: Object.fromEntries(
      document.issuerSignedNameSpaces.map((name) => [name, plain(new Map(Object.entries(document.getIssuerNameSpace(name))))]),
    ),
  }));
}

serve({ issue, present, verify });
