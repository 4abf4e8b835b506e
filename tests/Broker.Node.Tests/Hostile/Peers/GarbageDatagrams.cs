using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Random bytes, some of which begin like QUIC packets: other versions, tiny first packets, packets of connections that never were.</summary>
internal sealed class GarbageDatagrams : HostilePeer
{
    private const int Datagrams = 20;
    private const int LocalIdLength = 16;

    // RFC 9000, section 8.1: at most three times what came, before the address is known to be the sender's.
    private const int MaxAmplification = 3;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(target.Address);
        var sent = 0;
        for (var i = 0; i < Datagrams; i++)
        {
            sent += await socket.SendAsync(Datagram(random));
        }

        var received = 0;
        var answer = new byte[1 << 16];
        while (socket.Available > 0)
        {
            received += await socket.ReceiveAsync(answer);
        }

        Assert.True(received <= MaxAmplification * sent, $"{sent} bytes of garbage were answered with {received} bytes");
    }

    private static byte[] Datagram(Random random)
    {
        var bytes = RandomNumberGenerator.GetBytes(random.Next(1, 1473));
        if (bytes.Length < 7 + (2 * LocalIdLength))
        {
            return bytes;
        }

        switch (random.Next(5))
        {
            case 0: // an Initial of version 1 with ids of proper length
                bytes[0] = (byte)(0xc0 | (bytes[0] & 0x0f));
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(1), 1);
                bytes[5] = LocalIdLength;
                bytes[6 + LocalIdLength] = LocalIdLength;
                break;
            case 1: // any long header of version 1
                bytes[0] |= 0xc0;
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(1), 1);
                break;
            case 2: // a version that nobody speaks
                bytes[0] |= 0x80;
                bytes[5] = (byte)random.Next(21);
                break;
            case 3: // a packet of a connection that this node may have had
                bytes[0] = (byte)(0x40 | (bytes[0] & 0x3f));
                break;
        }

        return bytes;
    }
}
