using System.Net;
using System.Net.Sockets;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>A network between one client and a server that a test can cut in either direction, listen to, and whose outer address it can change like a NAT.</summary>
public sealed class UdpRelay : IAsyncDisposable
{
    private readonly IPEndPoint _server;
    private readonly Socket _front = Bind();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _pumps = [];
    private Socket _back = Bind();
    private EndPoint? _client;

    public UdpRelay(IPEndPoint server)
    {
        _server = server;
        _pumps.Add(PumpToServerAsync());
        _pumps.Add(PumpToClientAsync(_back));
    }

    /// <summary>Where the client connects to.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_front.LocalEndPoint!;

    /// <summary>Where the server sees the client.</summary>
    public IPEndPoint OuterEndPoint => (IPEndPoint)_back.LocalEndPoint!;

    /// <summary>Decides what passes towards the server.</summary>
    public Func<byte[], bool> PassToServer { get; set; } = _ => true;

    /// <summary>Decides what passes towards the client.</summary>
    public Func<byte[], bool> PassToClient { get; set; } = _ => true;

    /// <summary>From now on the server sees the client at another port; the old one is dead.</summary>
    public void Rebind()
    {
        var old = _back;
        _back = Bind();
        old.Dispose();
        _pumps.Add(PumpToClientAsync(_back));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _front.Dispose();
        _back.Dispose();
        await Task.WhenAll(_pumps);
        _stop.Dispose();
    }

    private static Socket Bind()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20, SendBufferSize = 1 << 20 };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private async Task PumpToServerAsync()
    {
        var buffer = new byte[65536];
        await PumpAsync(async () =>
        {
            var received = await _front.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
            _client = received.RemoteEndPoint;
            var datagram = buffer[..received.ReceivedBytes];
            if (PassToServer(datagram))
            {
                await _back.SendToAsync(datagram, SocketFlags.None, _server, _stop.Token);
            }
        });
    }

    private async Task PumpToClientAsync(Socket back)
    {
        var buffer = new byte[65536];
        await PumpAsync(async () =>
        {
            var received = await back.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
            var datagram = buffer[..received.ReceivedBytes];
            if (_client is { } client && PassToClient(datagram))
            {
                await _front.SendToAsync(datagram, SocketFlags.None, client, _stop.Token);
            }
        });
    }

    private async Task PumpAsync(Func<Task> step)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await step();
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.OperationAborted or SocketError.Interrupted)
            {
                return;
            }
            catch (SocketException)
            {
                // An ICMP error of an earlier datagram; the relay is as indifferent as a router.
            }
        }
    }
}
