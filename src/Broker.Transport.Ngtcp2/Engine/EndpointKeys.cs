using System.Security.Cryptography;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// The secrets behind stateless reset tokens (RFC 9000, section 10.3.2) and Retry tokens (section 8.1.2), both from one key that may survive the process.
/// </summary>
internal sealed unsafe class EndpointKeys
{
    private const int SecretLength = 32;
    private const ulong RetryTokenLifetime = 10_000_000_000;

    private readonly byte[] _resetSecret;
    private readonly byte[] _retrySecret;

    /// <summary>Derives both secrets; an empty key means a random one.</summary>
    public EndpointKeys(ReadOnlySpan<byte> key)
    {
        var material = key.IsEmpty ? RandomNumberGenerator.GetBytes(SecretLength) : key.ToArray();
        _resetSecret = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, SecretLength, info: "broker quic stateless reset"u8.ToArray());
        _retrySecret = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, SecretLength, info: "broker quic retry"u8.ToArray());
        CryptographicOperations.ZeroMemory(material);
    }

    /// <summary>Writes the 16-byte token by which a peer knows a stateless reset for a connection id.</summary>
    public void WriteResetToken(Cid* cid, byte* token)
    {
        fixed (byte* secret = _resetSecret)
        {
            if (CryptoNative.ngtcp2_crypto_generate_stateless_reset_token(token, secret, SecretLength, cid) != 0)
            {
                throw new QuicTransportException(QuicError.Transport, "cannot derive a stateless reset token");
            }
        }
    }

    /// <summary>Writes a token that proves, when it comes back, that the client receives at its address.</summary>
    /// <returns>Its length, or a negative number.</returns>
    public nint WriteRetryToken(byte* token, PacketHeader* header, NativePath* path, Cid* retryScid, ulong now)
    {
        fixed (byte* secret = _retrySecret)
        {
            return CryptoNative.ngtcp2_crypto_generate_retry_token2(token, secret, SecretLength, header->Version, path->Remote.Address, path->Remote.Length, retryScid, &header->Dcid, now);
        }
    }

    /// <summary>Checks a token that came back, and tells the connection id of the client's very first packet.</summary>
    public bool VerifyRetryToken(PacketHeader* header, NativePath* path, Cid* originalDcid, ulong now)
    {
        fixed (byte* secret = _retrySecret)
        {
            return CryptoNative.ngtcp2_crypto_verify_retry_token2(
                originalDcid, header->Token, header->TokenLength, secret, SecretLength, header->Version, path->Remote.Address, path->Remote.Length, &header->Dcid, RetryTokenLifetime, now) == 0;
        }
    }
}
