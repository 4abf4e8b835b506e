using System.Runtime.InteropServices;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Tls;

/// <summary>
/// Certificate, key and trust anchor in GnuTLS form, with the key that seals a server's session tickets. Read-only once made, so all sessions
/// share it; each holds a reference (<see cref="SafeHandle.DangerousAddRef"/>), and the memory goes when the owner and the last session have let go.
/// </summary>
/// <remarks>A reload makes new credentials with a new ticket key: tickets of the old trust anchor do not resume under the new one.</remarks>
internal sealed unsafe class TlsCredentials : SafeHandle
{
    // TLS 1.3 only, the cipher suites of RFC 9001, fast curves first. QUIC forbids the middlebox compatibility mode (RFC 9001, section 8.4).
    private static readonly byte[] _priorityText =
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%DISABLE_TLS13_COMPAT_MODE\0"u8.ToArray();

    private nint _priority;
    private Datum* _ticketKey;

    /// <summary>Creates an empty handle; <see cref="Create"/> fills it.</summary>
    public TlsCredentials()
        : base(0, ownsHandle: true)
    {
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The <c>gnutls_certificate_credentials_t</c>.</summary>
    public nint Certificate => handle;

    /// <summary>The <c>gnutls_priority_t</c>.</summary>
    public nint Priority => _priority;

    /// <summary>The server's session ticket key.</summary>
    public Datum* TicketKey => _ticketKey;

    /// <summary>Whether there is a certificate to show.</summary>
    public bool HasCertificate { get; private init; }

    /// <summary>Parses PEM.</summary>
    /// <exception cref="QuicTransportException"><see cref="QuicError.InvalidConfiguration"/> naming what does not parse.</exception>
    public static TlsCredentials Create(QuicTlsOptions options)
    {
        var credentials = new TlsCredentials { HasCertificate = !options.CertificatePem.IsEmpty };
        try
        {
            credentials.Load(options);
            return credentials;
        }
        catch
        {
            credentials.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        GnuTlsNative.gnutls_certificate_free_credentials(handle);
        if (_priority != 0)
        {
            GnuTlsNative.gnutls_priority_deinit(_priority);
        }

        if (_ticketKey != null)
        {
            if (_ticketKey->Data != null)
            {
                new Span<byte>(_ticketKey->Data, (int)_ticketKey->Size).Clear();
                GnuTlsNative.Free(_ticketKey->Data);
            }

            NativeMemory.Free(_ticketKey);
        }

        Interlocked.Decrement(ref LiveObjects.TlsCredentials);
        return true;
    }

    private void Load(QuicTlsOptions options)
    {
        nint value;
        Check(GnuTlsNative.gnutls_certificate_allocate_credentials(&value), "allocate TLS credentials");
        SetHandle(value);
        Interlocked.Increment(ref LiveObjects.TlsCredentials);
        fixed (byte* certificate = options.CertificatePem.Span, key = options.PrivateKeyPem.Span, roots = options.TrustedRootsPem.Span)
        {
            if (HasCertificate)
            {
                var certificateData = new Datum { Data = certificate, Size = (uint)options.CertificatePem.Length };
                var keyData = new Datum { Data = key, Size = (uint)options.PrivateKeyPem.Length };
                Check(
                    GnuTlsNative.gnutls_certificate_set_x509_key_mem(handle, &certificateData, &keyData, GnuTlsNative.FormatPem),
                    $"use {nameof(options.CertificatePem)} with {nameof(options.PrivateKeyPem)}");
            }

            var rootData = new Datum { Data = roots, Size = (uint)options.TrustedRootsPem.Length };
            var count = GnuTlsNative.gnutls_certificate_set_x509_trust_mem(handle, &rootData, GnuTlsNative.FormatPem);
            Check(count, $"read {nameof(options.TrustedRootsPem)}");
            if (count == 0)
            {
                throw new QuicTransportException(QuicError.InvalidConfiguration, $"{nameof(options.TrustedRootsPem)} holds no PEM certificate");
            }
        }

        fixed (byte* text = _priorityText)
        {
            Check(GnuTlsNative.gnutls_priority_init(&value, text, null), "set TLS priorities");
            _priority = value;
        }

        _ticketKey = (Datum*)NativeMemory.AllocZeroed((nuint)sizeof(Datum));
        Check(GnuTlsNative.gnutls_session_ticket_key_generate(_ticketKey), "make a session ticket key");
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw new QuicTransportException(QuicError.InvalidConfiguration, $"cannot {what}: {GnuTlsNative.Describe(result)}");
        }
    }
}
