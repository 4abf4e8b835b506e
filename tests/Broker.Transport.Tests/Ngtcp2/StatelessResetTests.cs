using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>A server that lost its connections says so (RFC 9000, section 10.3).</summary>
public sealed class StatelessResetTests : Ngtcp2Tests
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    [Fact]
    public async Task Client_of_a_restarted_server_learns_at_its_next_packet()
    {
        var closed = await TalkToRestartedServerAsync(_key, _key, TimeSpan.FromMinutes(5));

        Assert.Equal(QuicError.ConnectionReset, closed.Error);
    }

    [Fact]
    public async Task Reset_with_another_key_is_not_believed()
    {
        var closed = await TalkToRestartedServerAsync(_key, RandomNumberGenerator.GetBytes(32), TimeSpan.FromSeconds(1));

        Assert.Equal(QuicError.ConnectionIdle, closed.Error);
    }

    [Theory]
    [InlineData(22, false)]
    [InlineData(30, true)]
    [InlineData(200, true)]
    public async Task Reset_is_shorter_than_what_it_answers(int length, bool answered)
    {
        var listener = await ListenAsync();
        using var socket = BindRawSocket();
        await socket.SendToAsync(UnknownShortHeader(length), listener.LocalEndPoint);

        if (!answered && length < 22)
        {
            return;
        }

        await Wait.Until(() => listener.Statistics.StatelessResetsSent + listener.Statistics.DatagramsDropped == 1, "the server has judged the packet");
        if (listener.Statistics.StatelessResetsSent == 1)
        {
            var reply = new byte[2000];
            var size = await Wait.For(socket.ReceiveAsync(reply, SocketFlags.None), "the reset");
            Assert.InRange(size, 21, length - 1);
        }
        else
        {
            Assert.False(answered);
        }
    }

    [Fact]
    public async Task Resets_are_limited_in_number()
    {
        var listener = await ListenAsync();
        using var socket = BindRawSocket();
        for (var i = 0; i < 5000; i++)
        {
            await socket.SendToAsync(UnknownShortHeader(60), listener.LocalEndPoint);
        }

        await Wait.Until(() => listener.Statistics.DatagramsDropped > 0, "the server drops some of a flood");
        Assert.True(listener.Statistics.StatelessResetsSent >= 900, $"{listener.Statistics.StatelessResetsSent} resets");
    }

    private static byte[] UnknownShortHeader(int length)
    {
        var packet = RandomNumberGenerator.GetBytes(length);
        packet[0] = (byte)(0x40 | (packet[0] & 0x3f));
        return packet;
    }

    private async Task<QuicCloseInfo> TalkToRestartedServerAsync(byte[] firstKey, byte[] secondKey, TimeSpan idleTimeout)
    {
        var first = (Ngtcp2Listener)await ListenAsync(options => options with { StatelessResetKey = firstKey });
        var pair = await ConnectPairAsync(first, client => client with { IdleTimeout = idleTimeout });
        await EchoAsync(pair.Client, pair.Server, 1000);
        await Wait.For(first.AbandonAsync(), "the server to vanish");

        await ListenAsync(options => options with { StatelessResetKey = secondKey, EndPoint = new IPEndPoint(IPAddress.Loopback, first.LocalEndPoint.Port) });
        try
        {
            var stream = await Wait.For(pair.Client.OpenStreamAsync(), "a stream to open");
            await Wait.For(stream.Output.WriteAsync(new byte[200]), "the write");
        }
        catch (QuicTransportException)
        {
            // The next packet was one of the transport's own, such as an acknowledgement that was due, and the end came before the stream.
        }

        return await Wait.For(pair.Client.Closed, "the client to see the end");
    }
}
