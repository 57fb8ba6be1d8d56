"""Common given and family names in Latin script of countries that names.txt.gz hardly knows: Vietnam, China, Japan,
Korea, Egypt, Nigeria, India, Turkey. Without those that are words of every sentence (long, said, may). Data only.
"""

from __future__ import annotations

from toolkit.data.words.task_words import words

NAMES_ELSEWHERE = words("""
    nguyen tran le pham hoang huynh phan vu vo dang bui ho ngo duong ly dinh trinh doan luong mai cao lam truong thi
    van anh bao binh chau chi cuong dat diep dung duc giang han hang hanh hien hieu hoa hong hue hung huong huy khanh
    khoa kien kieu lan lien linh loan loc minh nam nga ngan nghia ngoc nhan nhi nhung nhu oanh phat phong phu phuc
    phuong quan quang quoc quy quyen quynh tai tam tan thach thang thanh thao thien thinh thu thuan thuy tien tin toan
    trang tri trung tu tung tuyen tuyet uyen viet vinh vy xuan yen

    wang li zhang liu chen huang zhao wu zhou xu sun ma zhu hu guo gao lin luo zheng liang xie tang feng deng peng
    zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren yao shen zhong cui fan liao shi jin jia
    xia fu fang zou xiong bai meng qin qiu hou yin xue yan lei tao gu mao hao gong shao wan qian jianguo jianjun
    jianhua weiwei xiaoming xiaoli xiaohong xiaomei xiaoyan meiling meihua yifan yichen zihan zixuan haoran yuxuan
    yuhan haoyu jiaqi junjie jiahao mingming lili lihua guohua guoqiang zhiqiang zhiwei weiming wenjie xinyi yiming
    yutong ziyi guanghui guangming hongmei hongwei chunhua dongmei fengying guifang haiyan huifang jingjing lijuan
    lingling minghui pengfei qiang rongrong shanshan tingting wenjun xiuying xuemei yanling yingying yulan yuhua
    zhenhua

    sato suzuki takahashi tanaka watanabe ito yamamoto nakamura kobayashi kato yoshida yamada sasaki yamaguchi
    matsumoto inoue kimura hayashi shimizu yamazaki mori abe ikeda hashimoto yamashita ishikawa nakajima maeda fujita
    ogawa goto okada hasegawa murakami kondo ishii saito sakamoto endo aoki fujii nishimura fukuda ota miura fujiwara
    okamoto matsuda nakagawa nakano harada ono tamura takeuchi kaneko wada nakayama ishida ueda morita hara shibata
    sakai kudo yokoyama miyazaki miyamoto uchida takagi ando taniguchi ohno maruyama imai takada fujimoto takeda
    murata ueno sugiyama masuda sugawara hirano kojima otsuka chiba kubo matsui iwasaki sakurai kinoshita noguchi
    matsuo nomura kikuchi sano onishi sugimoto arai haruto yuto sota yuki hayato haruki ryusei sora takumi kenji kenta
    daiki daisuke shota tatsuya naoki takashi hiroshi satoshi makoto akira kazuki yusuke ryo ryota tsubasa yui rio
    hina mio sakura yuna rin aoi misaki nanami ayaka haruka mayumi yumi keiko kazuko michiko noriko mariko naoko yoko
    tomoko akiko hiroko yumiko chiyo emi eri fumiko hanako kaori kyoko megumi midori miyuki rumi sachiko setsuko
    shizuka tamiko yoshiko ichiro jiro saburo shinji shigeru toshio yoshio masao minoru osamu tadashi

    choi jung kang cho yoon jang lim seo shin kwon hwang ahn ryu jeon ko moon bae baek heo noh joo chung cha sung
    min-jun seo-jun do-yun ye-jun si-woo ji-ho ji-hoon jun-ho joon-ho hyun-woo min-ho min-jae min-seok dong-hyun
    dong-hyuk dong-wook jae-hyun jae-won jin-woo jin-ho ki-young sang-hoon sang-woo seung-hyun seung-ho sung-min
    sung-ho tae-hyung tae-yang woo-jin yong-ho young-ho young-jae young-soo ji-woo ji-min ji-yeon ji-hye ji-eun ha-eun
    seo-yeon seo-hyun soo-jin soo-yeon su-jin min-ji min-seo min-jung mi-kyung mi-sook eun-kyung eun-ji eun-ju hae-rin
    hee-jin hye-jin hyun-jung in-young jung-hee kyung-hee na-young so-young sun-hee ye-jin ye-eun yeon-woo yoo-jin
    young-hee young-mi yu-na minjun jihoon jiwoo jimin seojun minji sujin hyunwoo

    ahmed mohamed mohammed muhammad mahmoud mostafa mustafa ali hassan hussein ibrahim youssef yousef omar khaled
    karim tarek tariq amr sherif hany hani ashraf sameh sami samir ayman wael walid hossam hesham hazem ihab essam
    adel gamal nasser nabil magdy osama ramy rami sayed abdallah abdullah abdelrahman abdelaziz abdelhamid abdelkader
    abdo abbas anwar bilal faisal fares farid farouk fathy fouad galal ghada habib hamdy hamza haroun hassanein helmy
    hosny ismail jaber kamal kareem khalil khalid lotfy maher mansour marwan moustafa murad nader naguib rashad rashid
    reda saad sabry saeed safwat shaaban shawky soliman sobhy sultan taha yasser younes zaki zayed fatma fatima aisha
    aicha mariam maryam nour noura nada nadia mona mayada rania reem salma sara sarah shaimaa yasmin yasmine zeinab
    zainab heba hala hanan hoda huda iman amal amina amira asmaa basma dalia dina doaa eman esraa farida ghadeer hagar
    hend inas jihan karima laila leila lamia lobna maha manal marwa menna nagwa nesma nihal omnia rasha samia sawsan
    shereen soha somaya wafaa yara

    okonkwo okafor eze obi nwosu okeke onyekachi nwachukwu nnamdi chukwu chukwuma chukwuemeka chinedu chinonso chioma
    chiamaka adaeze adaobi ngozi ifeanyi ifeoma ikenna emeka obinna obioma uche uchenna uzoma kelechi kenechukwu
    nkechi nneka nnenna amaka amarachi ebere ugochi ugochukwu tobenna somto ebuka azikiwe achebe adichie igwe ogbonna
    onuoha iwu agu anyanwu madu okoro okoye okpara onwuka umeh ude adeyemi adebayo adewale adeola adesina adekunle
    adeleke ademola adebisi adeniyi adetokunbo balogun bello babatunde akinwande akintola akande ajayi alabi afolabi
    afolayan ayodele ayomide bamidele bankole ayinde funmilayo folake folasade femi olufemi olumide oluwaseun
    oluwatobi olabisi olamide olayinka oladipo olawale olusegun omotola omolara oyelaran ogunleye ogundipe odunayo
    temitope temitayo titilayo tunde yewande yetunde simisola sade kehinde taiwo lawal musa abubakar aminu danjuma
    sani usman yakubu hauwa halima

    singh kaur sharma verma gupta agarwal aggarwal kumar patel shah mehta desai joshi iyer iyengar nair menon pillai
    reddy rao naidu raju krishnan krishnamurthy raman subramanian subramaniam venkatesan venkatesh venkataraman
    raghunathan ramachandran ramesh rajagopal rajan srinivasan sundaram swaminathan chatterjee banerjee mukherjee
    bhattacharya chakraborty ghosh bose sen das dutta dey roy saha mishra pandey tiwari tripathi dubey shukla
    chaturvedi saxena srivastava mathur kapoor khanna malhotra chopra bhatia arora sethi ahuja gill dhillon sidhu
    grewal sandhu bedi deshpande deshmukh kulkarni patil jadhav pawar shinde gaikwad kadam prabhu hegde shetty bhat
    kamath aarav aditya ajay akash akshay amit anand anil anirudh arjun arun ashok ashwin bharat chetan deepak dinesh
    gaurav girish gopal govind harish harpreet gurpreet manpreet jaspreet hemant jagdish karan karthik kiran kishore
    krishna lalit mahesh manish manoj mohan mukesh nagesh naresh naveen nikhil nitin pankaj parth pradeep prakash
    pramod pranav prasad prashant praveen rahul raj rajeev rajendra rajesh rajiv rakesh ravi rohan rohit sachin
    sandeep sanjay santosh satish shankar shiv shyam siddharth sunil suresh tarun uday umesh varun vijay vikas vikram
    vinay vinod vishal vivek yash aishwarya amrita ananya anita anjali ankita anusha aparna archana asha bhavna chitra
    deepa deepika divya gayatri geeta indira jaya jyoti kalpana kavita kavya komal lakshmi lata leela madhuri mamta
    meena meera nandini neha nisha padma pallavi pooja poonam prachi pratibha preeti priya priyanka radha radhika
    rekha renu ritu sandhya sangeeta sarita savita seema shalini shanti shilpa shreya shruti smita sneha sonal sudha
    sujata sunita sushma swati uma usha vandana vasudha vidya

    yilmaz yıldırım yildirim demir çelik celik şahin sahin yıldız yildiz öztürk ozturk aydın aydin özdemir ozdemir
    arslan doğan dogan kılıç kilic aslan çetin cetin kara koç koc kurt özkan ozkan şimşek simsek polat korkmaz karadağ
    karadag demirtaş demirtas aydoğan aydogan erdoğan erdogan güneş gunes aksoy bulut avcı avci taş tas ünal unal
    yavuz güler guler mehmet ahmet hüseyin huseyin hasan osman yusuf murat ömer omer ramazan halil süleyman suleyman
    mahmut recep salih fatih kadir emre hakan serkan burak cem deniz ege kemal levent onur orhan ozan selim sinan
    tolga turgut umut volkan ayşe ayse emine hatice zeynep elif meryem şerife serife hanife merve zehra esra özlem
    ozlem hülya hulya gül gul gülsen ebru büşra busra kübra kubra sevgi derya dilek pınar pinar selin ceren defne ece
    """)
