using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>What the tests of this backend alone have in common.</summary>
public abstract class Ngtcp2Tests : TransportContract<Ngtcp2Backend>
{
    /// <summary>A listener and a client on their own transports, with their own engines.</summary>
    internal static async Task<ConnectedPair> ConnectPairAsync(
        Ngtcp2Transport server, Ngtcp2Transport client, QuicListenerOptions listenerOptions, Func<IQuicListener, QuicClientOptions> clientOptions)
    {
        var listener = await Wait.For(server.ListenAsync(listenerOptions), "the listener");
        var connection = await Wait.For(client.ConnectAsync(clientOptions(listener)), "the client's handshake");
        var accepted = await Wait.For(listener.AcceptConnectionAsync(), "the server to accept the connection");
        return new ConnectedPair(listener, connection, accepted!);
    }

    /// <summary>Sends bytes there and back again and compares.</summary>
    protected static async Task EchoAsync(IQuicConnection client, IQuicConnection server, int size)
    {
        var data = new byte[size];
        new Random(size).NextBytes(data);
        var stream = await Wait.For(client.OpenStreamAsync(), "a stream to open");
        var echo = EchoOneAsync(server);
        var write = WriteAsync(stream, data);
        var back = await Wait.For(ReadToEndAsync(stream.Input), $"the echo of {size} bytes");
        await Wait.For(write, "the write to end");
        await Wait.For(echo, "the echo to end");
        Assert.Equal(data.Length, back.Length);
        Assert.True(back.AsSpan().SequenceEqual(data), "the echo differs");
        await Wait.For(stream.WritesClosed, "the acknowledgement of the end");
        await stream.DisposeAsync();
    }

    protected static async Task<byte[]> ReadToEndAsync(PipeReader reader)
    {
        using var all = new MemoryStream();
        while (true)
        {
            var read = await reader.ReadAsync();
            foreach (var segment in read.Buffer)
            {
                all.Write(segment.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return all.ToArray();
            }
        }
    }

    /// <summary>A free UDP socket that no QUIC code listens on.</summary>
    protected static Socket BindRawSocket(IPAddress? address = null)
    {
        address ??= IPAddress.Loopback;
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(address, 0));
        return socket;
    }

    /// <summary>Skips where the sandbox has no IPv6.</summary>
    protected static void RequireIpv6()
    {
        try
        {
            BindRawSocket(IPAddress.IPv6Loopback).Dispose();
        }
        catch (SocketException e)
        {
            Assert.Skip($"no IPv6 here: {e.Message}");
        }
    }

    private static async Task WriteAsync(IQuicStream stream, byte[] data)
    {
        for (var offset = 0; offset < data.Length; offset += 50_000)
        {
            await stream.Output.WriteAsync(data.AsMemory(offset, Math.Min(50_000, data.Length - offset)));
        }

        await stream.Output.CompleteAsync();
    }

    private static async Task EchoOneAsync(IQuicConnection server)
    {
        await using var stream = await server.AcceptStreamAsync();
        while (true)
        {
            var read = await stream.Input.ReadAsync();
            foreach (var segment in read.Buffer)
            {
                stream.Output.Write(segment.Span);
            }

            stream.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                await stream.Output.CompleteAsync();
                return;
            }

            await stream.Output.FlushAsync();
        }
    }
}
