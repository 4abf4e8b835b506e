using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Broker.Transport.Ngtcp2;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Structs lie in memory as the C compiler lays them out.</summary>
public sealed class AbiTests
{
    // In the order of the header; the fields of a C# struct are in the same order.
    private static readonly (string C, Type Type, string Fields)[] _structs =
    [
        ("ngtcp2_cid", typeof(Cid), "datalen data"),
        ("ngtcp2_vec", typeof(Vec), "base len"),
        ("ngtcp2_pkt_info", typeof(PacketInfo), "ecn"),
        ("ngtcp2_pkt_hd", typeof(PacketHeader), "dcid scid pkt_num token tokenlen pkt_numlen len version type flags"),
        ("ngtcp2_version_cid", typeof(VersionCid), "version dcid dcidlen scid scidlen"),
        ("ngtcp2_addr", typeof(NativeAddress), "addr addrlen"),
        ("ngtcp2_path", typeof(NativePath), "local remote user_data"),
        ("ngtcp2_path_storage", typeof(PathStorage), "path local_addrbuf remote_addrbuf"),
        ("ngtcp2_preferred_addr", typeof(PreferredAddress), "cid ipv4 ipv6 ipv4_present ipv6_present stateless_reset_token"),
        ("ngtcp2_version_info", typeof(VersionInfo), "chosen_version available_versions available_versionslen"),
        ("ngtcp2_transport_params", typeof(TransportParameters),
            "preferred_addr original_dcid initial_scid retry_scid initial_max_stream_data_bidi_local initial_max_stream_data_bidi_remote initial_max_stream_data_uni initial_max_data "
            + "initial_max_streams_bidi initial_max_streams_uni max_idle_timeout max_udp_payload_size active_connection_id_limit ack_delay_exponent max_ack_delay max_datagram_frame_size "
            + "stateless_reset_token_present disable_active_migration original_dcid_present initial_scid_present retry_scid_present preferred_addr_present stateless_reset_token "
            + "grease_quic_bit version_info version_info_present"),
        ("ngtcp2_settings", typeof(Settings),
            "qlog_write cc_algo initial_ts initial_rtt log_printf max_tx_udp_payload_size token tokenlen token_type rand_ctx max_window max_stream_window ack_thresh "
            + "no_tx_udp_payload_size_shaping handshake_timeout preferred_versions preferred_versionslen available_versions available_versionslen original_version no_pmtud "
            + "initial_pkt_num pmtud_probes pmtud_probeslen"),
        ("ngtcp2_callbacks", typeof(Callbacks),
            "client_initial recv_client_initial recv_crypto_data handshake_completed recv_version_negotiation encrypt decrypt hp_mask recv_stream_data acked_stream_data_offset "
            + "stream_open stream_close recv_stateless_reset recv_retry extend_max_local_streams_bidi extend_max_local_streams_uni rand get_new_connection_id remove_connection_id "
            + "update_key path_validation select_preferred_addr stream_reset extend_max_remote_streams_bidi extend_max_remote_streams_uni extend_max_stream_data dcid_status "
            + "handshake_confirmed recv_new_token delete_crypto_aead_ctx delete_crypto_cipher_ctx recv_datagram ack_datagram lost_datagram get_path_challenge_data "
            + "stream_stop_sending version_negotiation recv_rx_key recv_tx_key tls_early_data_rejected"),
        ("ngtcp2_ccerr", typeof(CloseError), "type error_code frame_type reason reasonlen"),
        ("ngtcp2_conn_info", typeof(ConnectionInfo), "latest_rtt min_rtt smoothed_rtt rttvar cwnd ssthresh bytes_in_flight"),
        ("ngtcp2_crypto_conn_ref", typeof(CryptoConnectionRef), "get_conn user_data"),
        ("ngtcp2_info", typeof(LibraryInfo), "age version_num version_str"),
        ("gnutls_datum_t", typeof(Datum), "data size"),
        ("gnutls_typed_vdata_st", typeof(TypedVerifyData), "type data size"),
        ("struct msghdr", typeof(MessageHeader), "msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags"),
        ("struct mmsghdr", typeof(BatchedMessageHeader), "msg_hdr msg_len"),
        ("struct cmsghdr", typeof(ControlHeader), "cmsg_len cmsg_level cmsg_type"),
        ("struct pollfd", typeof(PollDescriptor), "fd events revents"),
        ("struct timespec", typeof(TimeSpecification), "tv_sec tv_nsec"),
    ];

    [Fact]
    public void Libraries_are_found_and_laid_out_as_expected()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported(out var reason), reason);

        Assert.Null(AbiCheck.FindMismatch());
        Assert.StartsWith("ngtcp2 1.", new Ngtcp2Transport().LibraryVersions, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_offset_is_the_c_compilers()
    {
        Assert.SkipUnless(File.Exists("/usr/include/ngtcp2/ngtcp2_crypto.h") && File.Exists("/usr/include/gnutls/gnutls.h"), "no headers: install libngtcp2-crypto-gnutls-dev");
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "no C compiler: install gcc");
        Assert.SkipUnless(File.ReadAllText("/usr/include/ngtcp2/version.h").Contains("\"1.11.", StringComparison.Ordinal), "the headers are of another version than 1.11");
        var folder = Directory.CreateTempSubdirectory("abi").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "abi.c"), CProgram());
            await RunAsync("/usr/bin/gcc", "-D_GNU_SOURCE", "-o", Path.Combine(folder, "abi"), Path.Combine(folder, "abi.c"));
            var expected = await RunAsync(Path.Combine(folder, "abi"));

            Assert.Equal(expected, CSharpLayout());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string CProgram()
    {
        var program = new StringBuilder("""
            #include <poll.h>
            #include <stddef.h>
            #include <stdio.h>
            #include <sys/socket.h>
            #include <time.h>
            #include <ngtcp2/ngtcp2.h>
            #include <ngtcp2/ngtcp2_crypto.h>
            #include <gnutls/gnutls.h>
            int main(void) {

            """);
        foreach (var (name, _, fields) in _structs)
        {
            program.Append($"printf(\"{name} %zu\\n\", sizeof({name}));\n");
            foreach (var field in fields.Split(' '))
            {
                program.Append($"printf(\"{name}.{field} %zu\\n\", offsetof({name}, {field}));\n");
            }
        }

        return program.Append("return 0; }\n").ToString();
    }

    private static string CSharpLayout()
    {
        var layout = new StringBuilder();
        foreach (var (name, type, fields) in _structs)
        {
            layout.Append($"{name} {Marshal.SizeOf(type)}\n");
            var names = fields.Split(' ');
            var own = type.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance);
            Assert.Equal(names.Length, own.Length);
            for (var i = 0; i < own.Length; i++)
            {
                layout.Append($"{name}.{names[i]} {Marshal.OffsetOf(type, own[i].Name)}\n");
            }
        }

        return layout.ToString();
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await Wait.For(process.WaitForExitAsync(), $"{program} to end");
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }
}
