using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Tls;

/// <summary>One GnuTLS session of one connection. Lives on the event loop's thread.</summary>
internal sealed unsafe class TlsSession
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly TlsCredentials _credentials;
    private readonly QuicConnectionOptions _options;
    private readonly CryptoConnectionRef* _reference;
    private nint _session;

    /// <summary>Makes a session for a connection.</summary>
    /// <param name="credentials">Kept referenced until <see cref="Free"/>.</param>
    /// <param name="options">A <see cref="QuicListenerOptions"/> makes a server, a <see cref="QuicClientOptions"/> a client.</param>
    /// <param name="connection">Handle of the <see cref="Ngtcp2Connection"/>.</param>
    public TlsSession(TlsCredentials credentials, QuicConnectionOptions options, GCHandle connection)
    {
        _credentials = credentials;
        _options = options;
        var referenced = false;
        credentials.DangerousAddRef(ref referenced);
        _reference = (CryptoConnectionRef*)NativeMemory.Alloc((nuint)sizeof(CryptoConnectionRef));
        _reference->GetConnection = (nint)(delegate* unmanaged<CryptoConnectionRef*, nint>)&OnGetConnection;
        _reference->UserData = GCHandle.ToIntPtr(connection);
        Interlocked.Increment(ref LiveObjects.TlsSessions);
        try
        {
            Configure();
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>The <c>gnutls_session_t</c>.</summary>
    public nint Handle => _session;

    /// <summary>Whether the handshake used a ticket.</summary>
    public bool IsResumed => GnuTlsNative.gnutls_session_is_resumed(_session) != 0;

    /// <summary>Why the verification of the peer's certificate failed, as GnuTLS status bits; 0 if it did not.</summary>
    public uint VerificationStatus { get; private set; }

    /// <summary>The protocol that ALPN chose.</summary>
    public string SelectedProtocol
    {
        get
        {
            Datum protocol;
            return GnuTlsNative.gnutls_alpn_get_selected_protocol(_session, &protocol) == 0 ? Encoding.ASCII.GetString(protocol.Data, (int)protocol.Size) : "";
        }
    }

    /// <summary>DER of the peer's leaf; <c>null</c> if it showed none. A resumed session remembers it.</summary>
    public byte[]? PeerCertificate
    {
        get
        {
            uint count;
            var peers = GnuTlsNative.gnutls_certificate_get_peers(_session, &count);
            return peers == null || count == 0 ? null : new ReadOnlySpan<byte>(peers->Data, (int)peers->Size).ToArray();
        }
    }

    /// <summary>Frees the session. Only after the ngtcp2 connection that used it.</summary>
    public void Free()
    {
        if (_session != 0)
        {
            GnuTlsNative.gnutls_deinit(_session);
            _session = 0;
        }

        NativeMemory.Free(_reference);
        _credentials.DangerousRelease();
        Interlocked.Decrement(ref LiveObjects.TlsSessions);
    }

    private void Configure()
    {
        var server = _options as QuicListenerOptions;
        var flags = GnuTlsNative.InitNoEndOfEarlyData | (server != null ? GnuTlsNative.InitServer : GnuTlsNative.InitClient);
        if (server == null && _credentials.HasCertificate)
        {
            // Without it a client silently withholds a certificate whose issuer the server does not list; the server's verdict is clearer.
            flags |= GnuTlsNative.InitForceClientCertificate;
        }

        nint session;
        Check(GnuTlsNative.gnutls_init(&session, flags), "gnutls_init");
        _session = session;
        Check(GnuTlsNative.gnutls_priority_set(session, _credentials.Priority), "gnutls_priority_set");
        var configured = server != null ? CryptoNative.ngtcp2_crypto_gnutls_configure_server_session(session) : CryptoNative.ngtcp2_crypto_gnutls_configure_client_session(session);
        if (configured != 0)
        {
            throw new QuicTransportException(QuicError.Transport, "ngtcp2 cannot use the GnuTLS session");
        }

        GnuTlsNative.gnutls_session_set_ptr(session, _reference);
        Check(GnuTlsNative.gnutls_credentials_set(session, GnuTlsNative.CredentialsCertificate, _credentials.Certificate), "gnutls_credentials_set");
        GnuTlsNative.gnutls_session_set_verify_function(session, (nint)(delegate* unmanaged<nint, int>)&OnVerify);

        // Always set: GnuTLS would otherwise follow SSLKEYLOGFILE on its own, whatever the options say.
        var log = string.IsNullOrEmpty(_options.KeyLogFile) ? 0 : (nint)(delegate* unmanaged<nint, byte*, Datum*, int>)&OnKeyLog;
        GnuTlsNative.gnutls_session_set_keylog_function(session, log);
        SetApplicationProtocols();
        if (server != null)
        {
            GnuTlsNative.gnutls_certificate_server_set_request(session, server.RequireClientCertificate ? GnuTlsNative.CertificateRequire : GnuTlsNative.CertificateRequest);
            Check(GnuTlsNative.gnutls_session_ticket_enable_server(session, _credentials.TicketKey), "gnutls_session_ticket_enable_server");
        }
        else
        {
            ConfigureClient((QuicClientOptions)_options);
        }
    }

    private void ConfigureClient(QuicClientOptions options)
    {
        if (!IPAddress.TryParse(options.ServerName, out _))
        {
            var name = Encoding.ASCII.GetBytes(options.ServerName);
            fixed (byte* p = name)
            {
                Check(GnuTlsNative.gnutls_server_name_set(_session, GnuTlsNative.NameDns, p, (nuint)name.Length), "gnutls_server_name_set");
            }
        }

        if (options.SessionCache is { } cache)
        {
            var hook = (nint)(delegate* unmanaged<nint, uint, uint, uint, Datum*, int>)&OnTicket;
            GnuTlsNative.gnutls_handshake_set_hook_function(_session, GnuTlsNative.HandshakeNewSessionTicket, GnuTlsNative.HookPost, hook);
            if (cache.Get(options.ServerName) is { } ticket)
            {
                fixed (byte* p = ticket)
                {
                    // A ticket that GnuTLS cannot use costs a full handshake, nothing else.
                    _ = GnuTlsNative.gnutls_session_set_data(_session, p, (nuint)ticket.Length);
                }
            }
        }
    }

    private void SetApplicationProtocols()
    {
        var protocols = _options.ApplicationProtocols;
        var bytes = Encoding.ASCII.GetBytes(string.Concat(protocols));
        var names = stackalloc Datum[Math.Min(protocols.Count, 16)];
        if (protocols.Count > 16)
        {
            throw new QuicTransportException(QuicError.InvalidConfiguration, $"{protocols.Count} application protocols; at most 16");
        }

        fixed (byte* p = bytes)
        {
            var position = p;
            for (var i = 0; i < protocols.Count; i++)
            {
                names[i] = new Datum { Data = position, Size = (uint)protocols[i].Length };
                position += protocols[i].Length;
            }

            var flags = GnuTlsNative.AlpnMandatory | GnuTlsNative.AlpnServerPrecedence;
            Check(GnuTlsNative.gnutls_alpn_set_protocols(_session, names, (uint)protocols.Count, flags), "gnutls_alpn_set_protocols");
        }
    }

    private int Verify()
    {
        uint count;
        if (GnuTlsNative.gnutls_certificate_get_peers(_session, &count) == null || count == 0)
        {
            // Whether a certificate is required was decided by gnutls_certificate_server_set_request.
            return _options is QuicListenerOptions { RequireClientCertificate: false } ? 0 : GnuTlsNative.ErrorCertificate;
        }

        var purpose = Encoding.ASCII.GetBytes((_options is QuicListenerOptions ? ClientAuthentication : ServerAuthentication) + "\0");
        var address = Array.Empty<byte>();
        var name = Array.Empty<byte>();
        if (_options is QuicClientOptions client)
        {
            if (IPAddress.TryParse(client.ServerName, out var parsed))
            {
                address = parsed.GetAddressBytes();
            }
            else
            {
                name = Encoding.ASCII.GetBytes(client.ServerName + "\0");
            }
        }

        fixed (byte* purposeData = purpose, addressData = address, nameData = name)
        {
            var requirements = stackalloc TypedVerifyData[2];
            requirements[0] = new TypedVerifyData { Type = TypedVerifyData.KeyPurposeOid, Data = purposeData, Size = (uint)purpose.Length - 1 };
            requirements[1] = address.Length > 0
                ? new TypedVerifyData { Type = TypedVerifyData.IpAddress, Data = addressData, Size = (uint)address.Length }
                : new TypedVerifyData { Type = TypedVerifyData.DnsHostname, Data = nameData, Size = (uint)Math.Max(0, name.Length - 1) };
            uint status;
            var result = GnuTlsNative.gnutls_certificate_verify_peers(_session, requirements, _options is QuicClientOptions ? 2u : 1u, &status);
            VerificationStatus = status;
            return result < 0 || status != 0 ? GnuTlsNative.ErrorCertificate : 0;
        }
    }

    private void StoreTicket()
    {
        if (_options is QuicClientOptions { SessionCache: { } cache } options && (GnuTlsNative.gnutls_session_get_flags(_session) & GnuTlsNative.SessionFlagTicket) != 0)
        {
            Datum data;
            if (GnuTlsNative.gnutls_session_get_data2(_session, &data) == 0)
            {
                cache.Put(options.ServerName, new ReadOnlySpan<byte>(data.Data, (int)data.Size).ToArray());
                GnuTlsNative.Free(data.Data);
            }
        }
    }

    private void LogKey(byte* label, Datum* secret)
    {
        Datum client, server;
        GnuTlsNative.gnutls_session_get_random(_session, &client, &server);
        KeyLog.Append(_options.KeyLogFile!, Marshal.PtrToStringUTF8((nint)label)!, new ReadOnlySpan<byte>(client.Data, (int)client.Size), new ReadOnlySpan<byte>(secret->Data, (int)secret->Size));
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw new QuicTransportException(QuicError.Transport, $"{what}: {GnuTlsNative.Describe(result)}");
        }
    }

    // The callbacks run inside a native call: an exception must not leave them.

    private static Ngtcp2Connection Owner(nint session) => Owner((CryptoConnectionRef*)GnuTlsNative.gnutls_session_get_ptr(session));

    private static Ngtcp2Connection Owner(CryptoConnectionRef* reference) => Unsafe.As<Ngtcp2Connection>(GCHandle.FromIntPtr(reference->UserData).Target!);

    [UnmanagedCallersOnly]
    private static nint OnGetConnection(CryptoConnectionRef* reference) => Owner(reference).NativeHandle;

    [UnmanagedCallersOnly]
    private static int OnVerify(nint session)
    {
        try
        {
            return Owner(session).Session.Verify();
        }
        catch (Exception)
        {
            return GnuTlsNative.ErrorCertificate;
        }
    }

    [UnmanagedCallersOnly]
    private static int OnTicket(nint session, uint type, uint when, uint incoming, Datum* message)
    {
        try
        {
            Owner(session).Session.StoreTicket();
        }
        catch (Exception)
        {
            // Without the ticket the next handshake is a full one.
        }

        return 0;
    }

    [UnmanagedCallersOnly]
    private static int OnKeyLog(nint session, byte* label, Datum* secret)
    {
        try
        {
            Owner(session).Session.LogKey(label, secret);
        }
        catch (Exception)
        {
            // A debugging aid must not fail a handshake.
        }

        return 0;
    }
}
