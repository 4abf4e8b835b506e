namespace Broker.Protocol.Tests.Fuzz;

/// <summary>Damages valid bytes as a broken or hostile peer might.</summary>
internal static class Mutator
{
    private static readonly byte[] s_interesting = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

    /// <summary>Bytes of no meaning; short ones are the most frequent.</summary>
    public static byte[] Random(ref Prng random)
    {
        var bytes = new byte[random.Below(1 << random.Below(10))];
        random.Fill(bytes);
        return bytes;
    }

    /// <summary>One to four changes to a copy of the bytes.</summary>
    public static byte[] Mutate(byte[] valid, byte[] other, ref Prng random)
    {
        var bytes = new List<byte>(valid);
        for (var changes = 1 + random.Below(4); changes > 0; changes--)
        {
            var at = bytes.Count == 0 ? 0 : random.Below(bytes.Count);
            switch (random.Below(7))
            {
                case 0 when bytes.Count > 0:
                    bytes[at] ^= (byte)(1 << random.Below(8));
                    break;
                case 1 when bytes.Count > 0:
                    bytes[at] = s_interesting[random.Below(s_interesting.Length)];
                    break;
                case 2:
                    bytes.Insert(at, s_interesting[random.Below(s_interesting.Length)]);
                    break;
                case 3 when bytes.Count > 0:
                    bytes.RemoveRange(at, 1 + random.Below(bytes.Count - at));
                    break;
                case 4 when bytes.Count > 0:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(bytes.Count - at, 1 + random.Below(16))));
                    break;
                case 5 when other.Length > 0:
                    bytes.InsertRange(at, other.AsSpan(random.Below(other.Length)));
                    break;
                default:
                    var tail = new byte[random.Below(9)];
                    random.Fill(tail);
                    bytes.AddRange(tail);
                    break;
            }
        }

        return [.. bytes];
    }
}
