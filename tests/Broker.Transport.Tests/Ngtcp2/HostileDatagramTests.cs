using System.Net;
using System.Security.Cryptography;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Whatever arrives, the listener stays up and serves the next client.</summary>
public sealed class HostileDatagramTests : Ngtcp2Tests
{
    [Fact]
    public async Task Garbage_of_every_length_does_no_harm()
    {
        var listener = await ListenAsync();
        using var socket = BindRawSocket();
        for (var length = 0; length <= 1500; length++)
        {
            await socket.SendToAsync(RandomNumberGenerator.GetBytes(length), listener.LocalEndPoint);
        }

        await RequireServiceAsync(listener);
    }

    [Fact]
    public async Task First_packets_cut_at_every_byte_do_no_harm()
    {
        var listener = await ListenAsync(options => options with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        var initial = await CaptureFirstPacketAsync();
        using var socket = BindRawSocket();
        for (var length = 1; length <= initial.Length; length++)
        {
            await socket.SendToAsync(initial.AsMemory(0, length), listener.LocalEndPoint);
        }

        await RequireServiceAsync(listener);
    }

    [Fact]
    public async Task First_packets_with_flipped_bytes_do_no_harm()
    {
        var listener = await ListenAsync(options => options with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        var initial = await CaptureFirstPacketAsync();
        var random = new Random(5);
        using var socket = BindRawSocket();
        for (var i = 0; i < 3000; i++)
        {
            var mutant = initial.ToArray();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                // The header is where a decoder can go wrong; behind it, one flipped bit is as good as any.
                mutant[random.Next(random.Next(2) == 0 ? 40 : mutant.Length)] = (byte)random.Next(256);
            }

            await socket.SendToAsync(mutant, listener.LocalEndPoint);
        }

        await RequireServiceAsync(listener);
        await Wait.Until(() => listener.Statistics.HandshakesPending == 0, "nothing is left of the mutants");
    }

    [Fact]
    public async Task Other_versions_are_told_which_one_is_spoken()
    {
        var listener = await ListenAsync();
        using var socket = BindRawSocket();
        var packet = new byte[1200];
        new byte[] { 0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 4, 9, 9, 9, 9 }.CopyTo(packet, 0);
        await socket.SendToAsync(packet, listener.LocalEndPoint);

        var reply = new byte[2000];
        var length = await Wait.For(socket.ReceiveAsync(reply, System.Net.Sockets.SocketFlags.None), "version negotiation");

        Assert.Equal(new byte[] { 0, 0, 0, 0 }, reply[1..5]);
        Assert.Equal(new byte[] { 0, 0, 0, 1 }, reply[(length - 4)..length]);
    }

    private async Task RequireServiceAsync(IQuicListener listener)
    {
        var pair = await ConnectPairAsync(listener);
        await EchoAsync(pair.Client, pair.Server, 100_000);
    }

    private async Task<byte[]> CaptureFirstPacketAsync()
    {
        using var socket = BindRawSocket();
        var connect = Transport.ConnectAsync(new QuicClientOptions
        {
            Tls = TestCertificates.Client,
            ApplicationProtocols = [Protocol],
            ServerName = "localhost",
            EndPoint = (IPEndPoint)socket.LocalEndPoint!,
            HandshakeTimeout = TimeSpan.FromMilliseconds(200),
        }).AsTask();
        var buffer = new byte[2000];
        var length = await Wait.For(socket.ReceiveAsync(buffer, System.Net.Sockets.SocketFlags.None), "a client's first packet");
        await Assert.ThrowsAsync<QuicTransportException>(() => Wait.For(connect, "the connection to nobody"));
        return buffer[..length];
    }
}
