using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary>
/// Proves at start-up that the loaded library lays its structs out as this assembly does. A wrong offset would corrupt memory long after the
/// mistake, so the library is made to fill poisoned structs with its documented defaults and each must appear where C# reads it.
/// </summary>
internal static unsafe class AbiCheck
{
    private const byte Poison = 0xa5;
    private const int Guard = 64;

    /// <summary>Sizes on every 64-bit Linux, as the C compiler reports them for 1.11.</summary>
    private static readonly (string Name, int Expected, int Actual)[] _sizes =
    [
        ("ngtcp2_cid", 32, sizeof(Cid)),
        ("ngtcp2_vec", 16, sizeof(Vec)),
        ("ngtcp2_pkt_info", 8, sizeof(PacketInfo)),
        ("ngtcp2_pkt_hd", 112, sizeof(PacketHeader)),
        ("ngtcp2_version_cid", 40, sizeof(VersionCid)),
        ("ngtcp2_path", 40, sizeof(NativePath)),
        ("ngtcp2_path_storage", 96, sizeof(PathStorage)),
        ("ngtcp2_transport_params", 344, sizeof(TransportParameters)),
        ("ngtcp2_settings", 184, sizeof(Settings)),
        ("ngtcp2_callbacks", 320, sizeof(Callbacks)),
        ("ngtcp2_ccerr", 40, sizeof(CloseError)),
        ("ngtcp2_conn_info", 56, sizeof(ConnectionInfo)),
        ("msghdr", 56, sizeof(MessageHeader)),
        ("mmsghdr", 64, sizeof(BatchedMessageHeader)),
    ];

    /// <summary>The first disagreement, or <c>null</c> if there is none.</summary>
    public static string? FindMismatch()
    {
        foreach (var (name, expected, actual) in _sizes)
        {
            if (expected != actual)
            {
                return $"sizeof({name}) is {actual} here and {expected} in C";
            }
        }

        return CheckSettings() ?? CheckTransportParameters() ?? CheckCloseError() ?? CheckVersionCid();
    }

    private static string? CheckSettings()
    {
        var memory = (byte*)NativeMemory.Alloc((nuint)(sizeof(Settings) + Guard));
        try
        {
            NativeMemory.Fill(memory, (nuint)(sizeof(Settings) + Guard), Poison);
            var settings = (Settings*)memory;
            Ngtcp2Native.ngtcp2_settings_default_versioned(Settings.Version2, settings);
            return settings->CongestionControl != 1 ? "ngtcp2_settings.cc_algo"
                : settings->InitialRtt != 333_000_000 ? "ngtcp2_settings.initial_rtt"
                : settings->MaxTxUdpPayloadSize != 1452 ? "ngtcp2_settings.max_tx_udp_payload_size"
                : settings->AckThreshold != 2 ? "ngtcp2_settings.ack_thresh"
                : settings->HandshakeTimeout != ulong.MaxValue ? "ngtcp2_settings.handshake_timeout"
                : settings->Token != null || settings->PathMtuProbesLength != 0 ? "ngtcp2_settings.pmtud_probeslen"
                : GuardBroken(memory, sizeof(Settings), "ngtcp2_settings");
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    private static string? CheckTransportParameters()
    {
        var memory = (byte*)NativeMemory.Alloc((nuint)(sizeof(TransportParameters) + Guard));
        try
        {
            NativeMemory.Fill(memory, (nuint)(sizeof(TransportParameters) + Guard), Poison);
            var parameters = (TransportParameters*)memory;
            Ngtcp2Native.ngtcp2_transport_params_default_versioned(TransportParameters.Version1, parameters);
            return parameters->MaxUdpPayloadSize != 65527 ? "ngtcp2_transport_params.max_udp_payload_size"
                : parameters->ActiveConnectionIdLimit != 2 ? "ngtcp2_transport_params.active_connection_id_limit"
                : parameters->AckDelayExponent != 3 ? "ngtcp2_transport_params.ack_delay_exponent"
                : parameters->MaxAckDelay != 25_000_000 ? "ngtcp2_transport_params.max_ack_delay"
                : parameters->StatelessResetTokenPresent != 0 || parameters->VersionInfoPresent != 0 ? "ngtcp2_transport_params.version_info_present"
                : GuardBroken(memory, sizeof(TransportParameters), "ngtcp2_transport_params");
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    private static string? CheckCloseError()
    {
        CloseError error = default;
        byte reason = 0;
        Ngtcp2Native.ngtcp2_ccerr_set_application_error(&error, 0x1234, &reason, 1);
        return error.Type != CloseError.TypeApplication || error.ErrorCode != 0x1234 || error.Reason != &reason || error.ReasonLength != 1 ? "ngtcp2_ccerr" : null;
    }

    private static string? CheckVersionCid()
    {
        // A long header: version 1, a 3-byte destination and a 2-byte source connection id (RFC 8999, section 5.1).
        ReadOnlySpan<byte> packet = [0xc0, 0, 0, 0, 1, 3, 7, 8, 9, 2, 5, 6, 0, 0, 0, 0];
        fixed (byte* p = packet)
        {
            VersionCid result = default;
            var error = Ngtcp2Native.ngtcp2_pkt_decode_version_cid(&result, p, (nuint)packet.Length, 16);
            return error != 0 || result.Version != 1 || result.DcidLength != 3 || result.Dcid != p + 6 || result.ScidLength != 2 || result.Scid != p + 10 ? "ngtcp2_version_cid" : null;
        }
    }

    private static string? GuardBroken(byte* memory, int size, string name) =>
        new ReadOnlySpan<byte>(memory + size, Guard).ContainsAnyExcept(Poison) ? $"{name} is longer in the library than here" : null;
}
