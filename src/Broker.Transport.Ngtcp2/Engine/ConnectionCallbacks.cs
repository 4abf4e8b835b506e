using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// What ngtcp2 calls. Crypto goes native to native; streams, connection ids and the handshake come here. The functions run inside a call into ngtcp2: they let no
/// exception out, run no code of the application, and do not call back into reading or writing. A fault is kept and closes this one connection.
/// </summary>
internal static unsafe class ConnectionCallbacks
{
    /// <summary>All AEADs of RFC 9001 append a tag of this length.</summary>
    private const int TagLength = 16;

    /// <summary>RFC 9000, section 17.3.1.</summary>
    private const byte KeyPhaseBit = 0x04;

    [ThreadStatic]
    private static Ngtcp2Connection? _reading;

    private static delegate* unmanaged<byte*, void*, void*, byte*, nuint, byte*, nuint, byte*, nuint, int> _decrypt;

    /// <summary>The table for clients; never freed.</summary>
    public static Callbacks* Client { get; } = Create(server: false);

    /// <summary>The table for servers; never freed.</summary>
    public static Callbacks* Server { get; } = Create(server: true);

    /// <summary>The qlog writer, which is a setting rather than a callback.</summary>
    public static nint QlogWrite => (nint)(delegate* unmanaged<nint, uint, byte*, nuint, void>)&OnQlog;

    /// <summary>Names the connection whose packet this thread reads, because ngtcp2 does not tell the decryption callback.</summary>
    public static void SetReading(Ngtcp2Connection? connection) => _reading = connection;

    private static Callbacks* Create(bool server)
    {
        _decrypt = (delegate* unmanaged<byte*, void*, void*, byte*, nuint, byte*, nuint, byte*, nuint, int>)CryptoNative.Callback("ngtcp2_crypto_decrypt_cb");
        var table = (Callbacks*)NativeMemory.AllocZeroed((nuint)sizeof(Callbacks));
        if (server)
        {
            table->ReceiveClientInitial = CryptoNative.Callback("ngtcp2_crypto_recv_client_initial_cb");
        }
        else
        {
            table->ClientInitial = CryptoNative.Callback("ngtcp2_crypto_client_initial_cb");
            table->ReceiveRetry = CryptoNative.Callback("ngtcp2_crypto_recv_retry_cb");
        }

        table->ReceiveCryptoData = CryptoNative.Callback("ngtcp2_crypto_recv_crypto_data_cb");
        table->Encrypt = CryptoNative.Callback("ngtcp2_crypto_encrypt_cb");
        table->HeaderProtectionMask = CryptoNative.Callback("ngtcp2_crypto_hp_mask_cb");
        table->UpdateKey = CryptoNative.Callback("ngtcp2_crypto_update_key_cb");
        table->DeleteCryptoAeadContext = CryptoNative.Callback("ngtcp2_crypto_delete_crypto_aead_ctx_cb");
        table->DeleteCryptoCipherContext = CryptoNative.Callback("ngtcp2_crypto_delete_crypto_cipher_ctx_cb");
        table->GetPathChallengeData = CryptoNative.Callback("ngtcp2_crypto_get_path_challenge_data_cb");
        table->VersionNegotiation = CryptoNative.Callback("ngtcp2_crypto_version_negotiation_cb");

        table->Decrypt = (nint)(delegate* unmanaged<byte*, void*, void*, byte*, nuint, byte*, nuint, byte*, nuint, int>)&OnDecrypt;
        table->Random = (nint)(delegate* unmanaged<byte*, nuint, void*, void>)&OnRandom;
        table->GetNewConnectionId = (nint)(delegate* unmanaged<nint, Cid*, byte*, nuint, nint, int>)&OnGetNewConnectionId;
        table->RemoveConnectionId = (nint)(delegate* unmanaged<nint, Cid*, nint, int>)&OnRemoveConnectionId;
        table->DcidStatus = (nint)(delegate* unmanaged<nint, int, ulong, Cid*, byte*, nint, int>)&OnDcidStatus;
        table->HandshakeCompleted = (nint)(delegate* unmanaged<nint, nint, int>)&OnHandshakeCompleted;
        table->ReceiveStatelessReset = (nint)(delegate* unmanaged<nint, void*, nint, int>)&OnStatelessReset;
        table->ReceiveStreamData = (nint)(delegate* unmanaged<nint, uint, long, ulong, byte*, nuint, nint, nint, int>)&OnStreamData;
        table->AckedStreamDataOffset = (nint)(delegate* unmanaged<nint, long, ulong, ulong, nint, nint, int>)&OnAcknowledged;
        table->StreamOpen = (nint)(delegate* unmanaged<nint, long, nint, int>)&OnStreamOpen;
        table->StreamClose = (nint)(delegate* unmanaged<nint, uint, long, ulong, nint, nint, int>)&OnStreamClose;
        table->StreamReset = (nint)(delegate* unmanaged<nint, long, ulong, ulong, nint, nint, int>)&OnStreamReset;
        table->ExtendMaxLocalStreamsBidi = (nint)(delegate* unmanaged<nint, ulong, nint, int>)&OnMaxStreams;
        table->ExtendMaxStreamData = (nint)(delegate* unmanaged<nint, long, ulong, nint, nint, int>)&OnMaxStreamData;
        return table;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Ngtcp2Connection Owner(nint user) => Unsafe.As<Ngtcp2Connection>(GCHandle.FromIntPtr(user).Target!);

    private static int Fail(nint user, Exception e)
    {
        Owner(user).CallbackFault ??= e;
        return Ngtcp2Error.CallbackFailure;
    }

    [UnmanagedCallersOnly]
    private static int OnDecrypt(byte* plain, void* aead, void* context, byte* cipher, nuint cipherLength, byte* nonce, nuint nonceLength, byte* header, nuint headerLength)
    {
        var result = _decrypt(plain, aead, context, cipher, cipherLength, nonce, nonceLength, header, headerLength);
        if (result == 0 && (header[0] & 0x80) == 0 && cipherLength > TagLength && _reading is { } connection)
        {
            connection.NoteKeyPhase((header[0] & KeyPhaseBit) != 0);
            try
            {
                StopSendingScanner.Scan(new ReadOnlySpan<byte>(plain, (int)cipherLength - TagLength), connection, static (owner, id, code) => owner.NoteStopSending(id, code));
            }
            catch (Exception e)
            {
                connection.CallbackFault ??= e;
            }
        }

        return result;
    }

    [UnmanagedCallersOnly]
    private static void OnRandom(byte* data, nuint length, void* context) => RandomNumberGenerator.Fill(new Span<byte>(data, (int)length));

    [UnmanagedCallersOnly]
    private static int OnGetNewConnectionId(nint connection, Cid* cid, byte* token, nuint length, nint user)
    {
        try
        {
            ConnectionId.Randomize(cid, (int)length);
            Owner(user).IssueConnectionId(cid, token);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnRemoveConnectionId(nint connection, Cid* cid, nint user)
    {
        try
        {
            Owner(user).RetireConnectionId(cid);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnDcidStatus(nint connection, int status, ulong sequence, Cid* cid, byte* token, nint user)
    {
        try
        {
            var owner = Owner(user);
            var active = status == Ngtcp2Native.DcidStatusActivate;
            owner.TrackDestination(cid, active);
            if (token != null)
            {
                owner.TrackResetToken(token, active);
            }

            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnHandshakeCompleted(nint connection, nint user)
    {
        try
        {
            Owner(user).NoteHandshakeCompleted();
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnStatelessReset(nint connection, void* reset, nint user)
    {
        Owner(user).NoteStatelessReset();
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int OnStreamData(nint connection, uint flags, long id, ulong offset, byte* data, nuint length, nint user, nint streamUser)
    {
        try
        {
            Owner(user).OnStreamData(id, data, (int)length, (flags & Ngtcp2Native.StreamDataFlagFin) != 0);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnAcknowledged(nint connection, long id, ulong offset, ulong length, nint user, nint streamUser)
    {
        try
        {
            Owner(user).OnStreamAcknowledged(id, (long)(offset + length), (long)length);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnStreamOpen(nint connection, long id, nint user)
    {
        try
        {
            Owner(user).OnStreamOpened(id);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnStreamClose(nint connection, uint flags, long id, ulong code, nint user, nint streamUser)
    {
        try
        {
            Owner(user).OnStreamClosed(id, (flags & Ngtcp2Native.StreamCloseFlagAppErrorCodeSet) != 0 ? (long)code : null);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnStreamReset(nint connection, long id, ulong finalSize, ulong code, nint user, nint streamUser)
    {
        try
        {
            Owner(user).OnStreamReset(id, (long)code);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static int OnMaxStreams(nint connection, ulong limit, nint user)
    {
        Owner(user).NoteStreamLimit((long)limit);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int OnMaxStreamData(nint connection, long id, ulong limit, nint user, nint streamUser)
    {
        try
        {
            Owner(user).OnStreamUnblocked(id);
            return 0;
        }
        catch (Exception e)
        {
            return Fail(user, e);
        }
    }

    [UnmanagedCallersOnly]
    private static void OnQlog(nint user, uint flags, byte* data, nuint length)
    {
        try
        {
            Owner(user).WriteQlog(new ReadOnlySpan<byte>(data, (int)length), (flags & Ngtcp2Native.QlogWriteFlagFin) != 0);
        }
        catch (Exception)
        {
            // A debugging aid must not fail a connection.
        }
    }
}
