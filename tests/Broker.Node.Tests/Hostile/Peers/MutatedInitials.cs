using System.Net.Sockets;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>A proper client's first datagram: cut off, damaged, renamed, replayed.</summary>
internal sealed class MutatedInitials : HostilePeer
{
    private const int Datagrams = 4;
    private const int FirstByteOfDestinationId = 6;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(target.Address);
        for (var i = 0; i < Datagrams; i++)
        {
            await socket.SendAsync(Mutate(target.Initial.ToArray(), random));
        }
    }

    private static byte[] Mutate(byte[] initial, Random random)
    {
        switch (random.Next(6))
        {
            case 0:
                return initial[..random.Next(1, initial.Length)];
            case 1:
                initial[random.Next(64)] ^= (byte)(1 << random.Next(8)); // the header
                return initial;
            case 2:
                initial[random.Next(initial.Length)] ^= (byte)(1 << random.Next(8));
                return initial;
            case 3:
                random.NextBytes(initial.AsSpan(FirstByteOfDestinationId, 8)); // keys come from this id: nothing decrypts any more
                return initial;
            case 4:
                return [.. initial, .. RandomBytes(random, 200)];
            default:
                return initial;
        }
    }
}
